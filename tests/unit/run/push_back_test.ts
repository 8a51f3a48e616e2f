import assert from "node:assert/strict";
import { settlePushBacks } from "../../../src/run/push-back.ts";
import { resetForRetry } from "../../../src/run/retry.ts";
import { newStepState, type PushBack, type StepState } from "../../../src/run/state.ts";
import { play, workflowOf } from "../../support/scripted-run.ts";

const YAML = `
steps:
  - {id: a, run: "true"}
  - {id: b, depends: a, run: "true", approval: {input: [WHY], rewind_to: a}}
  - {id: c, depends: b, run: "true", approval: {}}
  - {id: d, depends: c, run: "true"}
`;
const { steps: GRAPH } = workflowOf(YAML);

function sentBack(name: string, at: number, times = 1): StepState {
  const one = (n: number): PushBack => ({
    by: `p${n}`,
    at: at + n,
    inputs: { WHY: `reason ${n}` },
    attempt: n,
  });
  const pushBacks = Array.from({ length: times }, (_, index) => one(index + 1));
  return { ...newStepState(name), pushBacks, isPushedBack: true };
}
const done = (name: string): StepState => ({ ...newStepState(name), status: "succeeded" });
const story = (steps: readonly StepState[]): string[] =>
  steps.map(({ name, status, again }) =>
    `${name} ${status} ${again?.step ?? "-"} ${again?.iteration ?? "-"}`
  );

Deno.test("S-122 what was sent back runs again with everything after its rewind; the later of two is what it is told of", () => {
  assert.deepEqual(story(settlePushBacks([done("a"), done("b"), sentBack("c", 5, 2), done("d")], GRAPH)), [
    "a succeeded - -",
    "b succeeded - -",
    "c not_started c 2",
    "d succeeded - -",
  ]);
  const [first, later] = [sentBack("b", 50), sentBack("c", 5)];
  assert.deepEqual(story(settlePushBacks([done("a"), first, later, done("d")], GRAPH)), [
    "a not_started b 1",
    "b not_started b 1",
    "c not_started b 1",
    "d not_started b 1",
  ]);
  const untouched = [done("a")];
  assert.equal(settlePushBacks(untouched, GRAPH), untouched);
});

Deno.test("S-122 R-45 a retry does not forget what was sent back, and how often", () => {
  const settled = settlePushBacks([done("a"), sentBack("b", 1, 3)], GRAPH);
  const failed = settled.map((step): StepState => ({ ...step, status: "failed", exitCode: 1 }));
  const again = resetForRetry(failed, GRAPH, { kind: "failed" });
  assert.ok(typeof again !== "string");
  assert.deepEqual(story(again), ["a not_started b 3", "b not_started b 3"]);
  assert.deepEqual(again.map((step) => step.pushBacks.length), [0, 3]);
});

Deno.test("S-122 V-38 X-07 a step that runs again finds the push-back, and its own env does not override it", async () => {
  const yaml = YAML.replace(
    'run: "true"',
    'env: [{DAG_PUSHBACK_ITERATION: x}, {SEEN: "${context.pushback.iteration} $WHY"}], run: "true"',
  );
  const resume = settlePushBacks([done("a"), sentBack("b", 1_000, 2)], GRAPH);
  const { calls } = await play(yaml, { resume, previousStdout: { b: "/p/b.out" } });
  const [env = {}] = calls.map((call) => call.scopeEnv);
  assert.deepEqual(
    [env["DAG_PUSHBACK_ITERATION"], env["DAG_PUSHBACK_PREVIOUS_STDOUT_FILE"], env["SEEN"], env["WHY"]],
    ["2", "/p/b.out", "2 reason 2", "reason 2"],
  );
  const at = new Date(1_002).toISOString();
  assert.deepEqual(JSON.parse(env["DAG_PUSHBACK"] ?? ""), {
    iteration: 2,
    by: "p2",
    at,
    inputs: { WHY: "reason 2" },
    step: "b",
    previousStdoutFile: "/p/b.out",
    history: [
      { iteration: 1, by: "p1", at: new Date(1_001).toISOString(), inputs: { WHY: "reason 1" } },
      { iteration: 2, by: "p2", at, inputs: { WHY: "reason 2" } },
    ],
  });
  // a log that is not at hand is unset, not empty.
  const without = await play(yaml, { resume });
  assert.equal(without.calls[0]?.scopeEnv["DAG_PUSHBACK_PREVIOUS_STDOUT_FILE"], undefined);
  const never = await play(yaml);
  assert.equal(never.calls[0]?.scopeEnv["SEEN"], "${context.pushback.iteration} $WHY");
});

Deno.test("S-122 S-111 the items of a foreach that runs again know the push-back too", async () => {
  const yaml = `
steps:
  - {id: f, foreach: {items: [1], steps: [{id: x, run: "true"}]}}
  - {id: ask, depends: f, run: "true", approval: {rewind_to: f}}
`;
  const resume = settlePushBacks([done("f"), sentBack("ask", 1)], workflowOf(yaml).steps);
  const { calls } = await play(yaml, { resume });
  assert.deepEqual(calls.map((call) => [call.step, call.scopeEnv["DAG_PUSHBACK_ITERATION"]]), [
    ["f[0].x", "1"],
    ["ask", "1"],
  ]);
});
