/** How often somebody may ask. Counted in this process only: the bound is for mistakes, what is protected has its own checks. */
import type { Clock } from "../../run/ports.ts";

export interface RateLimit {
  /** false: this key has asked too often. */
  take(key: string): boolean;
}

/** Many more than ask at once; the oldest are forgotten, which errs on the side of answering (LM-01). */
const KEYS_MAX = 10_000;

export function newRateLimit(
  clock: Clock,
  { limit, windowMs }: { readonly limit: number; readonly windowMs: number },
): RateLimit {
  const windows = new Map<string, { readonly since: number; taken: number }>();
  return {
    take: (key) => {
      const now = clock.mono();
      const known = windows.get(key);
      if (known !== undefined && now - known.since < windowMs) return ++known.taken <= limit;
      windows.delete(key);
      windows.set(key, { since: now, taken: 1 });
      if (windows.size > KEYS_MAX) windows.delete(windows.keys().next().value ?? "");
      return true;
    },
  };
}
