/** When nothing follows in a step's log (AP-68). */
import assert from "node:assert/strict";
import { deriveStatus, isLogOver } from "../../../src/run/status.ts";

const BEFORE = { status: "not_started", startedAt: null, finishedAt: null } as const;
const UNDER_WAY = { status: "running", startedAt: 1, finishedAt: null } as const;
const BETWEEN = { status: "retrying", startedAt: 1, finishedAt: 2 } as const;
const OVER = { status: "failed", startedAt: 1, finishedAt: 2 } as const;

Deno.test("AP-68 the log of a step is over with the step, and of all steps with the run", () => {
  assert.deepEqual(
    [BEFORE, UNDER_WAY, BETWEEN, OVER, null].map((step) => isLogOver("running", step)),
    [false, false, false, true, false],
  );
  assert.deepEqual(
    [BEFORE, UNDER_WAY, BETWEEN, OVER, null].map((step) => isLogOver("aborted", step)),
    [true, true, true, true, true],
  );
});

Deno.test("AP-68 while a run waits for a person, nothing follows in the log of a step that has begun", () => {
  const waits = { ...UNDER_WAY, status: "waiting" } as const;
  assert.deepEqual(
    [BEFORE, waits, OVER, null].map((step) => isLogOver("waiting", step)),
    [false, true, true, false],
  );
});

Deno.test("5.3 a run that was stopped before it had a step is aborted", () => {
  assert.equal(deriveStatus([], { isStopped: true, hasError: false }), "aborted");
  assert.equal(deriveStatus([], { isStopped: false, hasError: false }), "succeeded");
});
