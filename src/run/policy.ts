/** Numbers of retry and repeat policies, which may be written as references. */
import { resolveText, type Scope } from "../workflow/reference.ts";
import type { Step } from "../workflow/workflow.ts";
import type { Failure } from "./failure.ts";

/** V-24: a number of the step's policies that is none once its references are resolved; null: all are. */
export function wrongNumber({ retry, repeat }: Pick<Step, "retry" | "repeat">, scope: Scope): Failure | null {
  const written: readonly (readonly [string, number | string | null | undefined])[] = [
    ["retry_policy.limit", retry?.limit],
    ["retry_policy.interval_sec", retry?.intervalSec],
    ["retry_policy.max_interval_sec", retry?.maxIntervalSec],
    ["repeat_policy.limit", repeat?.limit],
    ["repeat_policy.interval_sec", repeat?.intervalSec],
    ["repeat_policy.max_interval_sec", repeat?.maxIntervalSec],
  ];
  for (const [field, value] of written) {
    if (typeof value !== "string") continue;
    const text = resolveText(value, scope, "scope").trim();
    if (text !== "" && Number(text) >= 0) continue;
    const message = `${field} must be a number of 0 or more, and "${value}" came to "${text.slice(0, 100)}"`;
    return { code: "INPUT_INVALID", message, remedy: "see that what it refers to is a number by then" };
  }
  return null;
}

/** Checked by `wrongNumber` before the first try. */
export function readNumber(value: number | string, scope: Scope): number {
  const number = typeof value === "number" ? value : Number(resolveText(value, scope, "scope").trim() || "x");
  return Number.isFinite(number) && number > 0 ? number : 0;
}

export interface Waits {
  readonly intervalSec: number | string;
  readonly backoff: number | null;
  readonly maxIntervalSec: number | string | null;
}

/** A century: what grows without end stays a moment that a date can name. */
const FOREVER_MS = 100 * 365 * 86_400_000;

/** `interval × backoff^n`, capped (S-84). */
export function delayMs(policy: Waits, n: number, scope: Scope): number {
  const interval = readNumber(policy.intervalSec, scope);
  // However far the power has grown, nothing times it is nothing.
  const grown = interval === 0 ? 0 : interval * (policy.backoff ?? 1) ** n;
  const cap = policy.maxIntervalSec === null ? 0 : readNumber(policy.maxIntervalSec, scope);
  return Math.min((cap > 0 ? Math.min(grown, cap) : grown) * 1000, FOREVER_MS);
}
