/** Numbers of retry and repeat policies, which may be written as references. */
import { resolveText, type Scope } from "../workflow/reference.ts";

/** A text that is no number after resolution counts as 0: no retry, no wait. */
export function readNumber(value: number | string, scope: Scope): number {
  const number = typeof value === "number" ? value : Number(resolveText(value, scope, "scope").trim() || "x");
  return Number.isFinite(number) && number > 0 ? number : 0;
}

export interface Waits {
  readonly intervalSec: number | string;
  readonly backoff: number | null;
  readonly maxIntervalSec: number | string | null;
}

/** `interval × backoff^n`, capped (S-84). */
export function delayMs(policy: Waits, n: number, scope: Scope): number {
  const grown = readNumber(policy.intervalSec, scope) * (policy.backoff ?? 1) ** n;
  const cap = policy.maxIntervalSec === null ? 0 : readNumber(policy.maxIntervalSec, scope);
  return (cap > 0 ? Math.min(grown, cap) : grown) * 1000;
}
