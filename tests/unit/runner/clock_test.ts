import assert from "node:assert/strict";
import { systemClock } from "../../../src/runner/clock.ts";

/** Timers that end at once, and tell how long they were to take. */
function newQuickTimers(): Disposable & { readonly waits: number[] } {
  const real = globalThis.setTimeout;
  const waits: number[] = [];
  const quick = (over: () => void, ms: number): number => {
    waits.push(ms);
    queueMicrotask(over);
    return 0;
  };
  Object.assign(globalThis, { setTimeout: quick });
  return { waits, [Symbol.dispose]: () => void Object.assign(globalThis, { setTimeout: real }) };
}

const TIMER_MAX_MS = 2 ** 31 - 1;

Deno.test("a delay of more than 24.8 days, which a timer cannot hold, is waited for in pieces", async () => {
  using timers = newQuickTimers();
  await systemClock().sleep(2 * TIMER_MAX_MS + 5);
  assert.deepEqual(timers.waits, [TIMER_MAX_MS, TIMER_MAX_MS, 5]);
});

Deno.test("a delay of nothing is a turn of its own", async () => {
  using timers = newQuickTimers();
  await systemClock().sleep(0);
  assert.deepEqual(timers.waits, [0]);
});

Deno.test("who is stopped sleeps no more", async () => {
  using timers = newQuickTimers();
  await systemClock().sleep(5, AbortSignal.abort());
  assert.deepEqual(timers.waits, []);
  const stop = new AbortController();
  const slept = systemClock().sleep(3 * TIMER_MAX_MS, stop.signal);
  stop.abort();
  await slept;
  assert.deepEqual(timers.waits, [TIMER_MAX_MS]);
});
