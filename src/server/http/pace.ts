/** How often one reader is shown a run. */
import type { RunStatus } from "../../run/event.ts";
import type { Clock } from "../../run/ports.ts";

export interface Pace {
  /** Milliseconds to wait for more, `isNews` being whether there is something to show. 0: it is to be shown now. */
  waitMs(isNews: boolean, status: RunStatus): number;
  /** Makes what is shown. */
  show<T>(make: () => T | Promise<T>): Promise<T>;
}

const LEAST_MS = 25;
const POLL_MS = 1_000;
/** Of a large run each look takes long: all looks together take a twentieth of the time. */
const REST = 19;

/** While it runs, the larger the run, the more seldom (SE-10); what became of it, at once. */
export function newPace(clock: Pick<Clock, "mono">): Pace {
  let nextAt = Number.NEGATIVE_INFINITY;
  return {
    waitMs: (isNews, status) => {
      if (!isNews) return POLL_MS;
      return status === "running" ? Math.max(0, nextAt - clock.mono()) : 0;
    },
    show: async (make) => {
      const startedAt = clock.mono();
      const shown = await make();
      const now = clock.mono();
      nextAt = now + Math.max(LEAST_MS, REST * (now - startedAt));
      return shown;
    },
  };
}
