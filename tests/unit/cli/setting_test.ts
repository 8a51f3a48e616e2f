/** What the environment sets. */
import assert from "node:assert/strict";
import { readLabels } from "../../../src/cli/runner-labels.ts";
import { runnerName } from "../../../src/cli/runner-name.ts";
import { settingOf } from "../../../src/cli/setting.ts";

Deno.test("a variable that is empty is not set: unit and compose files write it so", () => {
  assert.equal(settingOf({ A: "", B: " " }, "A", "B"), null);
  assert.equal(settingOf({ A: "", B: " b " }, "A", "B"), "b");
  assert.equal(settingOf({}, "A"), null);
});

Deno.test("names and labels of a runner: our variable, else the original's, an empty one not counting", () => {
  assert.equal(runnerName({ DAGU_RUNNER_NAME: "ours", DAGU_WORKER_ID: "theirs" }), "ours");
  assert.equal(runnerName({ DAGU_RUNNER_NAME: "", DAGU_WORKER_ID: "theirs" }), "theirs");
  assert.equal(runnerName({ DAGU_RUNNER_NAME: "", DAGU_WORKER_ID: "" }), Deno.hostname());
  assert.deepEqual(readLabels({ DAGU_RUNNER_LABELS: "", DAGU_WORKER_LABELS: "gpu=true" }), { gpu: "true" });
});
