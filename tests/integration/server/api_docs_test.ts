/** The page of the API tells of every call there is, and of none that there is not. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { createApp } from "../../../src/server/app.ts";
import { JOBS } from "../../../src/server/tick/tick.ts";
import { openTestDatabase } from "../../support/database.ts";
import { newTestPorts, TEST_SETTINGS } from "../../support/server.ts";

const page = await Deno.readTextFile(fileURLToPath(new URL("../../../docs/api.md", import.meta.url)));

/** Pages, and what runners alone call. Refusals of what this version has not are no calls. */
const NOT_TOLD = /^\S+ \/(runner\/v1|runs|workflows|queues|runners|deliveries|assets|login|logout|$)/;

Deno.test("docs/api.md tells of every call, and of no other", async () => {
  await using database = await openTestDatabase("pglite");
  const app = createApp(newTestPorts(database.db), { ...TEST_SETTINGS, internalToken: "internal" });
  const routes = new Set(
    app.routes
      .filter(({ method, path }) => (method !== "ALL" || path.includes(":rest")) && !path.endsWith("*"))
      .map(({ method, path }) =>
        `${method === "ALL" ? "ANY" : method} ${path.replaceAll(/:\w+(\{.*?\}+)?/g, "*")}`
      )
      .map((route) => route.replace(/(?<=\S)\/$/, ""))
      .filter((route) => !NOT_TOLD.test(route)),
  );
  const told = new Set(
    [...page.matchAll(/^\| `([A-Z]+ \/[^`]+)` /gm)].map(([, call = ""]) => {
      const [method, path = ""] = call.split(" ");
      return `${method} ${path.replaceAll(/(?<=\/)[A-Z]+(?=\/|$)/g, "*")}`;
    }),
  );
  assert.deepEqual([...routes].filter((route) => !told.has(route)), [], "not told");
  assert.deepEqual([...told].filter((route) => !routes.has(route)), [], "told, and not there");
  for (const job of Object.keys(JOBS)) assert.ok(page.includes(`\`${job}\``), job);
});
