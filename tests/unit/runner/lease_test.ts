import assert from "node:assert/strict";
import { newLease } from "../../../src/runner/lease.ts";

function newClocks(): { mono: number; wall: number; clock: Parameters<typeof newLease>[0] } {
  const clocks = {
    mono: 0,
    wall: 1_000_000,
    clock: { now: () => clocks.wall, mono: () => clocks.mono, sleep: () => Promise.resolve() },
  };
  return clocks;
}

Deno.test("LO-03 an attempt may act for lease and grace less ten seconds after the last renewal was sent", () => {
  const at = newClocks();
  const lease = newLease(at.clock, { mono: 0, now: at.wall }, 60_000, 240_000);
  assert.equal(lease.remainingMs(), 290_000);
  at.mono += 290_000;
  at.wall += 290_000;
  assert.equal(lease.remainingMs(), 0);
  lease.renew({ mono: 280_000, now: at.wall - 10_000 }, 60_000, 240_000);
  assert.equal(lease.remainingMs(), 280_000);
});

Deno.test("an older renewal that is answered late changes nothing", () => {
  const at = newClocks();
  const lease = newLease(at.clock, { mono: 100, now: at.wall }, 60_000, 0);
  lease.renew({ mono: 50, now: at.wall }, 600_000, 0);
  at.mono = 100;
  assert.equal(lease.remainingMs(), 50_000);
});

Deno.test("RP-27 a wall clock that jumped ahead counts; one that went back does not", () => {
  const at = newClocks();
  const lease = newLease(at.clock, { mono: 0, now: at.wall }, 60_000, 240_000);
  at.wall += 400_000;
  assert.equal(lease.remainingMs(), -110_000);
  at.wall -= 900_000;
  assert.equal(lease.remainingMs(), 290_000);
});

Deno.test("RP-26 a long grace has a margin of one percent", () => {
  const at = newClocks();
  const lease = newLease(at.clock, { mono: 0, now: at.wall }, 60_000, 43_200_000);
  assert.equal(lease.remainingMs(), 60_000 + 43_200_000 - 432_000);
});
