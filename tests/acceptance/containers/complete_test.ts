/** That every acceptance case of the containers contract has its test: AC-01 to AC-98. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = fileURLToPath(new URL("./", import.meta.url));
/** What is refused at load is refused without any engine (10.3). */
const REFUSALS = fileURLToPath(new URL("../../unit/workflow/refusals_test.ts", import.meta.url));
const LAST_CASE = 98;

/** A case counts when a test's title begins with its id. */
const TITLE = /["'`](AC-\d\d) /g;

Deno.test("every case from AC-01 to AC-98 is the beginning of a test's title", () => {
  const files = [...Deno.readDirSync(HERE)].map(({ name }) => name).filter((name) =>
    name.endsWith("_test.ts")
  );
  const sources = [...files.map((name) => join(HERE, name)), REFUSALS].map((file) =>
    Deno.readTextFileSync(file)
  );
  const found = new Set(sources.flatMap((text) => [...text.matchAll(TITLE)].map((match) => match[1])));
  const wanted = Array.from({ length: LAST_CASE }, (_, at) => `AC-${String(at + 1).padStart(2, "0")}`);
  assert.deepEqual(wanted.filter((id) => !found.has(id)), [], "cases without a test");
});
