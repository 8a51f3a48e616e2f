import type { Clock } from "../run/ports.ts";

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
      sleep: (ms, signal) =>
        clock.sleep(ms, signal === undefined ? waiting.signal : AbortSignal.any([waiting.signal, signal])),
    },
    restored: () => {
      const before = waiting;
      waiting = new AbortController();
      before.abort();
    },
  };
}
