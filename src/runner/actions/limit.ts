/** How long an action may take: until its step is stopped, or until its own time limit is over. */
import type { Work } from "./work.ts";

export interface Limit extends Disposable {
  readonly signal: AbortSignal;
  /** The time is over; false also when the step was stopped. */
  isOver(): boolean;
}

/** 0 seconds: no limit but the step's. */
export function startLimit(seconds: number, work: Work): Limit {
  const over = new AbortController();
  const ended = new AbortController();
  if (seconds > 0) {
    void work.attempt.clock.sleep(seconds * 1000, ended.signal).then(() => {
      if (!ended.signal.aborted) over.abort();
    });
  }
  return {
    signal: AbortSignal.any([over.signal, work.signal]),
    isOver: () => over.signal.aborted,
    [Symbol.dispose]: () => ended.abort(),
  };
}
