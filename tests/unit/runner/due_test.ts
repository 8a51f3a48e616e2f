import assert from "node:assert/strict";
import type { Clock } from "../../../src/run/ports.ts";
import { untilDue } from "../../../src/runner/due.ts";

/** Time that stands still: a sleep ends by its signal only. */
function newStillClock(): Clock & { readonly sleeps: number[] } {
  const sleeps: number[] = [];
  return {
    sleeps,
    now: () => 0,
    mono: () => 0,
    sleep: (ms, signal) => {
      sleeps.push(ms);
      return new Promise((resolve) => signal?.addEventListener("abort", () => resolve(), { once: true }));
    },
  };
}

function newWatched(): {
  change(): void;
  watch(topic: string, look: () => void): Disposable;
  readonly watchers: number;
} {
  const watchers = new Set<() => void>();
  return {
    get watchers(): number {
      return watchers.size;
    },
    change: () => {
      for (const look of watchers) look();
    },
    watch: (_topic, look) => {
      watchers.add(look);
      return { [Symbol.dispose]: () => watchers.delete(look) };
    },
  };
}

Deno.test("M6 a change wakes who waits only when it brings forward what is due", async () => {
  const clock = newStillClock();
  const spool = newWatched();
  let due = 100;
  const waiting = untilDue(clock, spool, "events", () => due, new AbortController().signal);
  spool.change();
  due = 99;
  spool.change();
  await Promise.resolve();
  assert.deepEqual(clock.sleeps, [100]);
  due = 50;
  spool.change();
  while (clock.sleeps.length < 2) await Promise.resolve();
  assert.deepEqual(clock.sleeps, [100, 50]);
  due = 0;
  spool.change();
  await waiting;
  assert.equal(spool.watchers, 0);
});

Deno.test("M6 what nothing is known of is waited for without a timer, and an abort ends that", async () => {
  const clock = newStillClock();
  const spool = newWatched();
  const stop = new AbortController();
  const waiting = untilDue(clock, spool, "events", () => Number.POSITIVE_INFINITY, stop.signal);
  stop.abort();
  await waiting;
  assert.deepEqual(clock.sleeps, []);
  assert.equal(spool.watchers, 0);
});
