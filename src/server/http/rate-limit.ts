/**
 * How often somebody may ask (7.9): a bucket that fills steadily and holds a burst. Counted in this process only: the bound is
 * for mistakes, what is protected has its own checks (LM-01).
 */
import type { Clock } from "../../run/ports.ts";

export interface RateLimit {
  /** Asks once. 0: it may; else after how many milliseconds it may again. */
  take(key: string): number;
  /** The same without asking. */
  look(key: string): number;
}

export interface Rate {
  /** 0: no limit. */
  readonly perMinute: number;
  /** How many at once, after a silence; default: those of a minute. */
  readonly burst?: number;
}

/** Many more than ask at once; the oldest are forgotten, which errs on the side of answering. */
const KEYS_MAX = 10_000;
const MINUTE_MS = 60_000;

export function newRateLimit(clock: Clock, { perMinute, burst = perMinute }: Rate): RateLimit {
  const buckets = new Map<string, { readonly tokens: number; readonly at: number }>();
  const everyMs = MINUTE_MS / perMinute;
  const tokensOf = (key: string): number => {
    const known = buckets.get(key);
    return known === undefined ? burst : Math.min(burst, known.tokens + (clock.mono() - known.at) / everyMs);
  };
  const waitMs = (tokens: number): number => tokens >= 1 ? 0 : (1 - tokens) * everyMs;
  if (perMinute === 0) return { take: () => 0, look: () => 0 };
  return {
    look: (key) => waitMs(tokensOf(key)),
    take: (key) => {
      const tokens = tokensOf(key);
      const wait = waitMs(tokens);
      if (wait > 0) return wait;
      buckets.delete(key);
      buckets.set(key, { tokens: tokens - 1, at: clock.mono() });
      if (buckets.size > KEYS_MAX) buckets.delete(buckets.keys().next().value ?? "");
      return 0;
    },
  };
}

/** Whole seconds, as `Retry-After` has them. */
export function retryAfter(waitMs: number): Readonly<Record<string, string>> {
  return { "Retry-After": String(Math.max(1, Math.ceil(waitMs / 1_000))) };
}
