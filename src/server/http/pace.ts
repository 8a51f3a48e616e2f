/** How often one reader is shown a run. */
import type { Clock } from "../../run/ports.ts";

export interface Pace {
  /** Milliseconds until it may be shown again; 0: now. */
  leftMs(): number;
  /** Makes what is shown. */
  show<T>(make: () => T | Promise<T>): Promise<T>;
}

const LEAST_MS = 25;
/** Of a large run each look takes long: all looks together take a tenth of the time. */
const REST = 9;

/** The larger the run, the more seldom (SE-10). */
export function newPace(clock: Pick<Clock, "mono">): Pace {
  let nextAt = Number.NEGATIVE_INFINITY;
  return {
    leftMs: () => Math.max(0, nextAt - clock.mono()),
    show: async (make) => {
      const startedAt = clock.mono();
      const shown = await make();
      const now = clock.mono();
      nextAt = now + Math.max(LEAST_MS, REST * (now - startedAt));
      return shown;
    },
  };
}
