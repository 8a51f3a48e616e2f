import { type Clock, type Ids } from "../run/ports.ts";
import { uuidV7 } from "../run/ids.ts";

/** The clock of this machine. */
export function systemClock(): Clock {
  return {
    now: () => Date.now(),
    mono: () => performance.now(),
    sleep: async (ms, signal) => {
      let leftMs = ms;
      do {
        if (signal?.aborted === true) return;
        await nap(Math.min(leftMs, TIMER_MAX_MS), signal);
        leftMs -= TIMER_MAX_MS;
      } while (leftMs > 0);
    },
  };
}

/** What a timer can hold, 24.8 days: a longer one it ends at once. */
const TIMER_MAX_MS = 2 ** 31 - 1;

function nap(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const over = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", over);
      resolve();
    };
    const timer = setTimeout(over, ms);
    signal?.addEventListener("abort", over, { once: true });
  });
}

/** UUIDv7 from this machine's clock and randomness. */
export function systemIds(): Ids {
  return { uuid: () => uuidV7(Date.now(), crypto.getRandomValues(new Uint8Array(10))) };
}
