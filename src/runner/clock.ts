import { type Clock, type Ids } from "../run/ports.ts";
import { uuidV7 } from "../run/ids.ts";

/** The clock of this machine. */
export function systemClock(): Clock {
  return {
    now: () => Date.now(),
    mono: () => performance.now(),
    sleep: (ms, signal) => {
      if (signal?.aborted) return Promise.resolve();
      return new Promise((resolve) => {
        const over = (): void => {
          clearTimeout(timer);
          signal?.removeEventListener("abort", over);
          resolve();
        };
        // Longer delays than a timer can hold (24.8 days) end early; every caller looks at the clock again.
        const timer = setTimeout(over, Math.min(ms, 2 ** 31 - 1));
        signal?.addEventListener("abort", over, { once: true });
      });
    },
  };
}

/** UUIDv7 from this machine's clock and randomness. */
export function systemIds(): Ids {
  return { uuid: () => uuidV7(Date.now(), crypto.getRandomValues(new Uint8Array(10))) };
}
