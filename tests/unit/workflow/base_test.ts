import assert from "node:assert/strict";
import { inherit, withBase } from "../../../src/workflow/base.ts";

Deno.test("F-35 of what a document has one of, the workflow's choice takes the place of the base's", () => {
  const { value } = inherit({ hist_retention_days: 3, ssh: { host: "h" }, queue: "q" }, {
    hist_retention_runs: 5,
    container: "c",
  });
  assert.deepEqual(value, { hist_retention_runs: 5, container: "c", queue: "q" });
});

Deno.test("F-35 null deletes the base's harness of that name, and stays where there is none", () => {
  const { value } = inherit({ harnesses: { a: { binary: "x" }, b: { binary: "y" } } }, {
    harnesses: { a: null, c: null },
  });
  assert.deepEqual(value["harnesses"], { b: { binary: "y" }, c: null });
});

Deno.test("F-34 a text that carries a base keeps it", () => {
  const carried = withBase("steps: []\n", { queue: "one" });
  assert.match(carried, /^--- !dagu-base \{"queue":"one"\}$/m);
  assert.equal(withBase(carried, { queue: "two" }), carried);
});
