import assert from "node:assert/strict";
import { newRunState, reduce, type RunState, type TimedEvent } from "../../../src/run/state.ts";
import { parseWorkflow } from "../../../src/workflow/parse.ts";

const { workflow } = parseWorkflow(
  'steps: [{id: a, run: "true"}, {id: b, run: "true"}, {id: c, run: "true"}]',
  "load",
);
assert.ok(workflow);
const BEGIN: readonly TimedEvent[] = [
  { type: "attempt.started", data: { engineVersion: "", host: "h", workDir: "/w" }, at: 1 },
  { type: "step.started", step: "a", data: { retry: 0 }, at: 2 },
  {
    type: "step.finished",
    step: "a",
    data: { status: "succeeded", exitCode: 0, logs: { stdout: 0, stderr: 0 } },
    at: 3,
  },
  { type: "step.started", step: "b", data: { retry: 0 }, at: 4 },
];

function fold(...more: readonly TimedEvent[]): RunState {
  return [...BEGIN, ...more].reduce(reduce, newRunState(workflow ?? { steps: [], handlers: {} }));
}

for (const [status, end] of [["failed", "failed"], ["aborted", "aborted"]] as const) {
  Deno.test(`reduce: 4.3 a step under way when its attempt ended as ${status} ended so too`, () => {
    const state = fold({ type: "attempt.finished", data: { status }, at: 9 });
    assert.deepEqual(
      state.steps.map((step) => [step.name, step.status, step.finishedAt]),
      [["a", "succeeded", 3], ["b", end, 9], ["c", "not_started", null]],
    );
  });
}

Deno.test("reduce: 4.3 a step that waits for its next try ends with its attempt", () => {
  const state = fold(
    { type: "step.retrying", step: "b", data: { retry: 1, delayMs: 10 }, at: 5 },
    { type: "attempt.finished", data: { status: "aborted" }, at: 9 },
  );
  assert.equal(state.steps[1]?.status, "aborted");
  assert.equal(state.steps[1]?.retryAt, null);
});

Deno.test("reduce: RT-01 a step that waits for its next try knows when that is, until it begins", () => {
  const retrying: TimedEvent = { type: "step.retrying", step: "b", data: { retry: 1, delayMs: 10 }, at: 5 };
  assert.equal(fold(retrying).steps[1]?.retryAt, 15);
  const again: TimedEvent = { type: "step.started", step: "b", data: { retry: 1 }, at: 15 };
  assert.equal(fold(retrying, again).steps[1]?.retryAt, null);
});

Deno.test("reduce: SP-03 5.4 what a log lacks is told at its step", () => {
  const data = { stream: "stdout", fromOffset: 10, bytes: 90, reason: "No space left on device" } as const;
  const state = fold({ type: "log.dropped", step: "b", data, at: 5 });
  assert.deepEqual(state.steps[1]?.notes, [
    "90 bytes of stdout are missing from its log, from byte 10 on: No space left on device",
  ]);
});

Deno.test("reduce: what goes on is told by one note, which changes", () => {
  const note = (message: string, instead?: string): TimedEvent => ({
    type: "note",
    step: "b",
    data: { level: "info", message, ...(instead === undefined ? {} : { instead }) },
    at: 5,
  });
  const state = fold(
    note("pulling x: 1 of 2", "pulling x"),
    note("other"),
    note("pulling x: 2 of 2", "pulling x"),
  );
  assert.deepEqual(state.steps[1]?.notes, ["other", "pulling x: 2 of 2"]);
});
