import assert from "node:assert/strict";
import { resetForRetry } from "../../../src/run/retry.ts";
import { newStepState, type StepState } from "../../../src/run/state.ts";

const GRAPH = [
  { name: "a", id: null, depends: [] },
  { name: "b", id: "bee", depends: ["a"] },
  { name: "c", id: null, depends: ["b"] },
  { name: "d", id: null, depends: [] },
];
const STEPS: readonly StepState[] = [
  { ...newStepState("a"), status: "succeeded" },
  { ...newStepState("b"), status: "failed", isContinued: true },
  { ...newStepState("c"), status: "aborted" },
  newStepState("d"),
];

function after(scope: Parameters<typeof resetForRetry>[2]): string[] {
  const steps = resetForRetry(STEPS, GRAPH, scope);
  assert.ok(typeof steps !== "string");
  return steps.map(({ name, status, isContinued }) => `${name} ${status}${isContinued ? " continued" : ""}`);
}

Deno.test("R-45 a retry begins with what did not end well", () => {
  assert.deepEqual(after({ kind: "failed" }), [
    "a succeeded",
    "b not_started",
    "c not_started",
    "d not_started",
  ]);
});

Deno.test("R-45 of a retry of one step the others are left out, and hold nothing up", () => {
  assert.deepEqual(after({ kind: "step", step: "bee", downstream: false }), [
    "a succeeded continued",
    "b not_started",
    "c skipped continued",
    "d skipped continued",
  ]);
  assert.deepEqual(after({ kind: "step", step: "b", downstream: true }), [
    "a succeeded continued",
    "b not_started",
    "c not_started",
    "d skipped continued",
  ]);
  assert.equal(resetForRetry(STEPS, GRAPH, { kind: "step", step: "x", downstream: false }), "x");
});
