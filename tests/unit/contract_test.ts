/** Every rule of the contracts is named by a test. A list is made by `deno task contract --write=NAME FILE`. */
import assert from "node:assert/strict";
import { citations, idsFile } from "../support/contract.ts";

/** Rules that no single test can show, and why. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  "V-26": "one field list serves both: src/workflow/step-texts.ts, which validator and run core walk",
  "C-15": "CLI and API are one: the command line calls the API, also of its own process",
  "S-87":
    "a step's retry waits with its runner, which keeps the run; there is no retry by the service to show",
  "S-88":
    "the wait of a retry is in the runner's spool: chaos_test.ts kills runners while steps wait for their retries",
  "R-24": "a manual retry takes the place of the automatic one: both queue the same row of the run",
};

for (const [contract, least] of [["language", 300], ["containers", 230]] as const) {
  Deno.test(`the table of the rules of the contract of ${contract} against the tests has no hole`, async () => {
    const ids = (await Deno.readTextFile(idsFile(contract))).trimEnd().split("\n");
    assert.ok(ids.length > least, `${ids.length} ids`);
    const cited = await citations(ids);
    assert.deepEqual(ids.filter((id) => !cited.has(id)).filter((id) => !Object.hasOwn(ELSEWHERE, id)), []);
  });
}
