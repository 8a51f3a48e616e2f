/** When a call is repeated, and after how long (RP-05, RP-07). */
import type { Clock, Ids } from "../run/ports.ts";
import type { CallOptions } from "./client.ts";
import type { CallFailure, CallResult } from "./exchange.ts";

const BASE_MS = 500;
export const DEFAULT_CAP_MS = 30_000;
/** For claims: an idle runner is the least urgent caller. */
export const CLAIM_CAP_MS = 60_000;

export interface ResendPorts {
  readonly clock: Clock;
  readonly ids: Ids;
  /** Uniform in [0, 1). */
  random(): number;
}

/** Decorrelated jitter: each delay is drawn between the base and three times the one before, below the cap. */
export interface Backoff {
  next(retryAfterMs: number | null): number;
  reset(): void;
}

export function newBackoff(random: () => number, capMs: number): Backoff {
  let previous = BASE_MS;
  return {
    next: (retryAfterMs) => {
      previous = Math.min(capMs, BASE_MS + random() * (previous * 3 - BASE_MS));
      if (retryAfterMs === null) return previous;
      return Math.max(retryAfterMs * (1 + random() * 0.2), previous);
    },
    reset: () => {
      previous = BASE_MS;
    },
  };
}

export function canResend(failure: CallFailure): boolean {
  return failure.kind === "no_answer" || (failure.kind === "refused" && failure.retryable);
}

/**
 * Repeats one message, under one request id, until the server has said yes, has said no for good, or the signal
 * aborts. There is no last try: who may not wait for ever brings a signal that ends.
 */
export async function resend<T>(
  ports: ResendPorts,
  options: { readonly signal: AbortSignal; readonly capMs?: number; onFailure?(failure: CallFailure): void },
  call: (options: CallOptions) => Promise<CallResult<T>>,
): Promise<CallResult<T>> {
  const backoff = newBackoff(ports.random, options.capMs ?? DEFAULT_CAP_MS);
  const requestId = ports.ids.uuid();
  for (;;) {
    const result = await call({ signal: options.signal, requestId });
    if (result.ok || !canResend(result.failure)) return result;
    options.onFailure?.(result.failure);
    const retryAfterMs = result.failure.kind === "aborted" ? null : result.failure.retryAfterMs;
    await ports.clock.sleep(backoff.next(retryAfterMs), options.signal);
    if (options.signal.aborted) return { ok: false, failure: { kind: "aborted" } };
  }
}
