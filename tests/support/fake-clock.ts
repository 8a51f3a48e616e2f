/** A clock that stands still until it is moved, so that no test waits for real time. */
import { setImmediate } from "node:timers/promises";
import type { Clock } from "../../src/run/ports.ts";

export interface FakeClock {
  readonly clock: Clock;
  /** Moves time on by `ms`, waking sleepers in order; what they do runs before this resolves. */
  advance(ms: number): Promise<void>;
  /** Moves time from sleeper to sleeper until the promise is settled. Fails when nobody sleeps and it still is not. */
  runUntil<T>(promise: Promise<T>): Promise<T>;
}

interface Sleeper {
  readonly at: number;
  wake(): void;
}

export function newFakeClock(startAt = Date.UTC(2026, 0, 1)): FakeClock {
  let now = startAt;
  const sleepers: Sleeper[] = [];

  const nextSleeper = (until: number): Sleeper | undefined => {
    sleepers.sort((a, b) => a.at - b.at);
    const first = sleepers[0];
    return first !== undefined && first.at <= until ? sleepers.shift() : undefined;
  };
  const wakeNext = async (until: number): Promise<boolean> => {
    const sleeper = nextSleeper(until);
    if (sleeper === undefined) return false;
    now = Math.max(now, sleeper.at);
    sleeper.wake();
    await settle();
    return true;
  };

  return {
    clock: {
      now: () => now,
      mono: () => now - startAt,
      sleep: (ms, signal) =>
        new Promise((resolve) => {
          if (signal?.aborted) return resolve();
          const sleeper: Sleeper = {
            at: now + ms,
            wake: () => {
              signal?.removeEventListener("abort", onAbort);
              resolve();
            },
          };
          const onAbort = (): void => {
            const index = sleepers.indexOf(sleeper);
            if (index !== -1) sleepers.splice(index, 1);
            resolve();
          };
          signal?.addEventListener("abort", onAbort, { once: true });
          sleepers.push(sleeper);
        }),
    },
    async advance(ms) {
      const until = now + ms;
      await settle();
      while (await wakeNext(until));
      now = until;
    },
    async runUntil(promise) {
      let isSettled = false;
      const mark = (): void => {
        isSettled = true;
      };
      promise.then(mark, mark);
      await settle();
      while (!isSettled) {
        if (await wakeNext(Number.POSITIVE_INFINITY)) continue;
        await settle();
        if (!isSettled && sleepers.length === 0) {
          throw new Error("nothing sleeps, and the promise is not settled");
        }
      }
      return await promise;
    },
  };
}

/** Lets everything run that can run without time passing. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await setImmediate();
}
