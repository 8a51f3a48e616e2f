/** Times that a runner tells, on our clock. */
import assert from "node:assert/strict";
import { clockOf, onOurClock } from "../../../src/server/dispatch/runner-clock.ts";

const NOW = 1_790_000_000_000;
const HOUR_MS = 3_600_000;

/** `sent`: what the runner's clock shows when it sends. */
function told(at: number, knownMs: number, sent: number): number {
  const clock = clockOf({ clockOffsetMs: knownMs }, new Date(sent).toISOString(), NOW);
  return onOurClock(at, clock) - NOW;
}

const cases: [name: string, at: number, known: number, sent: number, wanted: number][] = [
  ["a clock that is right", NOW - 5, 0, NOW, -5],
  ["a clock that is ahead, as its heartbeats told", NOW + HOUR_MS - 5, -HOUR_MS, NOW + HOUR_MS, -5],
  ["less than two seconds are not corrected", NOW - 5, 1_500, NOW - 1_500, -5],
  ["a message that was long on its way", NOW - 30_000, 0, NOW - 29_000, -30_000],
  ["a heartbeat that was long on its way, on a clock that is right", NOW - 5, 8_000, NOW, -5],
  ["a heartbeat that was long on its way, on a clock that is behind", NOW - 9_005, 17_000, NOW - 9_000, -5],
  ["set forward since its last heartbeat", NOW + HOUR_MS - 5, 0, NOW + HOUR_MS, -5],
  ["set forward, an event of before that", NOW - 9_000, 0, NOW + HOUR_MS, -9_000],
  ["set back since its last heartbeat", NOW - HOUR_MS - 5, 0, NOW - HOUR_MS, -5],
  ["set back, an event of before that", NOW - 9_000, 0, NOW - HOUR_MS, -9_000],
  ["set right again", NOW - 5, -HOUR_MS, NOW, -5],
  ["what was kept for long is not taken for new", NOW - 9 * HOUR_MS, 0, NOW, -9 * HOUR_MS],
];
for (const [name, at, known, sent, wanted] of cases) {
  Deno.test(`RP-25 times of a runner: ${name}`, () => assert.equal(told(at, known, sent), wanted));
}

Deno.test("RP-25 times of a runner that does not say when it sent them are corrected as is known", () => {
  const clock = clockOf({ clockOffsetMs: -HOUR_MS }, undefined, NOW);
  assert.equal(onOurClock(NOW + HOUR_MS, clock), NOW);
});
