import assert from "node:assert/strict";
import { openDeadline, openStop, stopReason } from "../../../src/run/stop.ts";
import { newFakeClock } from "../../support/fake-clock.ts";

const NEVER = new AbortController().signal;

Deno.test("S-95 of a time limit counts what was over before this process began", async () => {
  const time = newFakeClock();
  using stop = openStop(NEVER);
  using _deadline = openDeadline(time.clock, 10, "run", stop, 4_000);
  await time.advance(5_999);
  assert.equal(stop.signal.aborted, false);
  await time.advance(1);
  assert.deepEqual(stopReason(stop.signal), { kind: "timeout", scope: "run", limitMs: 10_000 });
});

Deno.test("S-95 a limit of nothing never passes, and one that is let go of neither", async () => {
  const time = newFakeClock();
  using stop = openStop(NEVER);
  using _none = openDeadline(time.clock, 0, "step", stop);
  openDeadline(time.clock, 1, "step", stop)[Symbol.dispose]();
  await time.advance(3_600_000);
  assert.equal(stop.signal.aborted, false);
});
