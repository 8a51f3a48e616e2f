import type { Clock } from "../run/ports.ts";
import { openEither } from "./either.ts";

/** Lets everybody who waits before a repetition try at once when the control plane answers again. */
export interface Contact {
  /** The given clock, except that `restored` ends its sleeps. */
  readonly clock: Clock;
  restored(): void;
}

export function newContact(clock: Clock): Contact {
  let waiting = new AbortController();
  return {
    clock: {
      now: clock.now,
      mono: clock.mono,
      sleep: async (ms, signal) => {
        if (signal === undefined) return await clock.sleep(ms, waiting.signal);
        using either = openEither(waiting.signal, signal);
        await clock.sleep(ms, either.signal);
      },
    },
    restored: () => {
      const before = waiting;
      waiting = new AbortController();
      before.abort();
    },
  };
}
