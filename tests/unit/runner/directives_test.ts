import { NO_NEEDS } from "../../../src/protocol/resources.ts";
import assert from "node:assert/strict";
import type { Attempt } from "../../../src/runner/control.ts";
import { newDirectives } from "../../../src/runner/directives.ts";

interface Bench {
  readonly cancels: [string, boolean][];
  readonly acknowledged: string[];
  readonly calls: string[];
  readonly attempts: Map<string, Attempt>;
  readonly take: ReturnType<typeof newDirectives>;
}

function openBench(): Bench {
  const cancels: [string, boolean][] = [];
  const acknowledged: string[] = [];
  const calls: string[] = [];
  const attempts = new Map<string, Attempt>();
  const attempt: Attempt = {
    attemptId: "a1",
    fence: 3,
    takesSlot: true,
    needs: NO_NEEDS,
    lease: { renew: () => {}, remainingMs: () => 1 },
    lastSeq: 0,
    ackSeq: 0,
    cancel: (by, isForced) => cancels.push([by, isForced]),
    timeOut: (limitMs) => calls.push(`time out ${limitMs}`),
    shutDown: () => {},
    fenceOff: () => {},
    loseLease: () => {},
    done: Promise.resolve(),
    result: () => null,
  };
  attempts.set("a1", attempt);
  const take = newDirectives({
    log: { info: () => {}, warn: () => {}, error: () => {} },
    attempt: (id) => attempts.get(id),
    drain: () => calls.push("drain"),
    pauseClaims: (isPaused) => calls.push(isPaused ? "pause" : "resume"),
    rotateToken: () => calls.push("rotate"),
    acknowledge: (id) => acknowledged.push(id),
  });
  return { cancels, acknowledged, calls, attempts, take };
}

const CANCEL = { id: "d1", type: "cancel", attemptId: "a1", fence: 3, reason: "ann" };

Deno.test("M8 a directive that is repeated is acknowledged each time and acted upon once", () => {
  const bench = openBench();
  bench.take([CANCEL]);
  bench.take([CANCEL]);
  assert.deepEqual(bench.cancels, [["ann", false]]);
  assert.deepEqual(bench.acknowledged, ["d1", "d1"]);
});

Deno.test("CN-06 a second stop with force is another directive", () => {
  const bench = openBench();
  bench.take([CANCEL, { ...CANCEL, id: "d2", force: true }]);
  assert.deepEqual(bench.cancels, [["ann", false], ["ann", true]]);
});

Deno.test("TO-02 a stop because the time is over says how much of it there was", () => {
  const bench = openBench();
  bench.take([{ ...CANCEL, reason: "timeout", limitMs: 60_000 }]);
  assert.deepEqual([bench.cancels, bench.calls], [[], ["time out 60000"]]);
});

Deno.test("M8 a cancel for an attempt that is not here yet waits for it, but not for ever", () => {
  const bench = openBench();
  bench.take([{ ...CANCEL, attemptId: "a2" }]);
  assert.deepEqual(bench.acknowledged, []);
  const [known] = bench.attempts.values();
  if (known !== undefined) bench.attempts.set("a2", known);
  bench.take([{ ...CANCEL, attemptId: "a2" }]);
  assert.deepEqual(bench.acknowledged, ["d1"]);
  for (let times = 0; times < 3; times++) bench.take([{ ...CANCEL, id: "d9", attemptId: "gone" }]);
  assert.deepEqual(bench.acknowledged, ["d1", "d9"]);
  assert.equal(bench.cancels.length, 1);
});

Deno.test("M8 a cancel under an older fence stops nothing", () => {
  const bench = openBench();
  bench.take([{ ...CANCEL, fence: 2 }]);
  assert.deepEqual(bench.cancels, []);
});

Deno.test("RP-22 drain, pause, resume and rotation are obeyed; a type of a newer control plane is acknowledged", () => {
  const bench = openBench();
  bench.take(
    ["drain", "pause_claims", "resume_claims", "rotate_token", "dance"].map((type) => ({ id: type, type })),
  );
  assert.deepEqual(bench.calls, ["drain", "pause", "resume", "rotate"]);
  assert.equal(bench.acknowledged.length, 5);
});
