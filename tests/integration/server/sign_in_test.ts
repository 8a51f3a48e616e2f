/** The door for people (control-plane contract 7.1): the page that asks for a token, the cookie, and the way out. */
import assert from "node:assert/strict";
import { createApiToken } from "../../../src/server/access/tokens.ts";
import { onEveryServer } from "../../support/server.ts";

onEveryServer("SN-29 a person signs in with a token, sees whose it is, and signs out", async (server) => {
  const { token } = await createApiToken(server.ports, "anna <of> ops", null);
  const send = (method: string, path: string, fields: Record<string, string> | null, cookie = "") =>
    server.request(method, path, {
      ...(fields === null ? {} : { body: new URLSearchParams(fields).toString() }),
      headers: {
        Accept: "text/html",
        ...(fields === null ? {} : { "Content-Type": "application/x-www-form-urlencoded" }),
        ...(cookie === "" ? {} : { Cookie: cookie }),
      },
    });

  const sent = await send("GET", "/queues", null);
  assert.equal(sent.headers.get("Location"), "/login?next=%2Fqueues");
  const asked = await (await send("GET", "/login", null)).text();
  assert.doesNotMatch(asked, /href="\/queues"/, "nothing to go to before one is let in");

  const wrong = await send("POST", "/login", { token: "dagu_nothing", next: "/queues" });
  assert.equal(wrong.status, 401);
  assert.match(await wrong.text(), /role="alert"/);

  const right = await send("POST", "/login", { token, next: "/queues" });
  assert.equal(right.headers.get("Location"), "/queues");
  const cookie = right.headers.get("Set-Cookie")?.split(";", 1)[0] ?? "";
  const page = await (await send("GET", "/queues", null, cookie)).text();
  assert.match(page, /anna &lt;of&gt; ops/);
  assert.match(page, /action="\/logout"/);

  const left = await send("POST", "/logout", {}, cookie);
  assert.match(left.headers.get("Set-Cookie") ?? "", /dagu_session=; Max-Age=0/);
}, { auth: { kind: "token" } });

onEveryServer(
  "AU-21 without credentials our own names are the only ones, however they are written",
  async (server) => {
    for (
      const [host, status] of [["LocalHost:8080", 200], ["127.0.0.1", 200], ["evil.example", 401]] as const
    ) {
      const answer = await server.request("GET", "/api/v1/dags", { headers: { Host: host } });
      await answer.text();
      assert.equal(answer.status, status, host);
    }
  },
);
