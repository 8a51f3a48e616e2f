/**
 * A database that cannot be reached is told to everybody at once. Left to itself, the driver gives one statement to each try to
 * connect and keeps the rest waiting, so that a few dozen callers who ask again and again wait for longer and longer.
 */
import type { Clock } from "../../run/ports.ts";
import { isUnreachable } from "./failure.ts";

/** So often somebody is let through, to see whether it is back. */
const LOOK_MS = 500;

export interface Outage {
  /** Why nothing can be asked now; null: it may be tried. */
  refusal(): Error | null;
  /** What became of something that was tried. */
  watch(asked: PromiseLike<unknown>): void;
}

export function newOutage(clock: Pick<Clock, "mono">): Outage {
  let reason: Error | null = null;
  let lookAt = 0;
  return {
    refusal: () => {
      if (reason === null) return null;
      const now = clock.mono();
      if (now < lookAt) return reason;
      lookAt = now + LOOK_MS;
      return null;
    },
    watch: (asked) => {
      asked.then(() => {
        reason = null;
      }, (error: unknown) => {
        // What the database itself says of a statement, it says because it is there.
        if (!isUnreachable(error)) return;
        if (reason === null) lookAt = clock.mono() + LOOK_MS;
        reason = error;
      });
    },
  };
}
