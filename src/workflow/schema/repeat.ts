/** `repeat_policy` of a step, and `retry_policy` of a run (4.14, 5.6). */
import * as v from "valibot";
import { validateExpected } from "../condition.ts";
import type { RepeatPolicy, RunRetry } from "../workflow.ts";
import { complain, fields, hasReference, isScalarValue, kindOf, string } from "./fields.ts";
import { backoff, codes } from "./policies.ts";

/** A whole number from `minimum`, as number or text; text may hold a reference instead. */
function amount(field: string, minimum: number) {
  return v.pipe(
    v.unknown(),
    v.check(
      (value) =>
        (typeof value === "number" && Number.isSafeInteger(value) && value >= minimum) ||
        (typeof value === "string" && (hasReference(value) || /^\s*\d+\s*$/.test(value))),
      (issue) => complain(`${field} must be an integer >= ${minimum}, got ${kindOf(issue.input)}`),
    ),
    v.transform((value): number | string =>
      typeof value === "string" && !hasReference(value)
        ? Number(value)
        : typeof value === "number"
        ? value
        : String(value)
    ),
  );
}

export const repeatPolicy = v.pipe(
  fields({
    repeat: v.optional(v.union(
      [v.boolean(), v.picklist(["while", "until"])],
      (issue) => complain(`repeat must be true, 'while' or 'until', got ${kindOf(issue.input)}`),
    )),
    interval_sec: v.optional(amount("interval_sec", 0)),
    limit: v.optional(amount("limit", 0)),
    condition: v.optional(string),
    expected: v.optional(v.pipe(
      v.custom<string | number | boolean>(isScalarValue, complain("expected must be a string")),
      v.transform(String),
      v.check(
        (value) => validateExpected(value) === null,
        (issue) => complain(validateExpected(issue.input) ?? ""),
      ),
    )),
    exit_code: v.optional(codes),
    backoff: v.optional(backoff),
    max_interval_sec: v.optional(amount("max_interval_sec", 1)),
  }, { of: "repeat_policy" }),
  v.check(
    (given) =>
      typeof given.repeat !== "string" || given.condition !== undefined || given.exit_code !== undefined,
    complain("repeat: while and until: requires either 'condition' or 'exit_code' to be specified"),
  ),
  v.transform((given): RepeatPolicy | null => {
    const mode = modeOf(given);
    return mode === null ? null : {
      mode,
      intervalSec: given.interval_sec ?? 0,
      limit: given.limit === undefined || given.limit === 0 ? null : given.limit,
      condition: given.condition === undefined
        ? null
        : given.expected === undefined
        ? { kind: "command", command: given.condition, negate: false }
        : { kind: "match", condition: given.condition, expected: given.expected, negate: false },
      exitCodes: given.exit_code ?? null,
      backoff: given.backoff ?? null,
      maxIntervalSec: given.max_interval_sec ?? null,
    };
  }),
);

/** S-89. */
function modeOf(given: {
  repeat?: boolean | "while" | "until" | undefined;
  condition?: string | undefined;
  expected?: string | undefined;
  exit_code?: unknown;
}): RepeatPolicy["mode"] | null {
  if (typeof given.repeat === "string") return given.repeat;
  if (given.repeat === true) return "while";
  if (given.repeat === false) return null;
  if (given.condition !== undefined && given.expected !== undefined) return "until";
  return given.condition !== undefined || given.exit_code !== undefined ? "while" : null;
}

/** A number, or text that reads as one; a reference is refused (5.6). */
function fixed(field: string, minimum: number) {
  return v.pipe(
    v.unknown(),
    v.check(
      (value) =>
        (typeof value === "number" && Number.isSafeInteger(value)) ||
        (typeof value === "string" && /^\s*[+-]?\d+\s*$/.test(value)),
      (issue) => complain(`${field} must be an integer or numeric string, got ${kindOf(issue.input)}`),
    ),
    v.transform(Number),
    v.minValue(minimum, complain(`${field} must be ${minimum > 0 ? "> 0" : ">= 0"}`)),
  );
}

export const runRetry = v.pipe(
  fields({
    limit: v.optional(fixed("limit", 0)),
    interval_sec: v.optional(fixed("interval_sec", 1)),
    backoff: v.optional(backoff),
    max_interval_sec: v.optional(fixed("max_interval_sec", 1)),
  }, { of: "retry_policy" }),
  v.check((given) => given.limit !== undefined, complain("limit is required when retry_policy is specified")),
  v.transform((given): RunRetry => ({
    limit: given.limit ?? 0,
    intervalSec: given.interval_sec ?? 60,
    backoff: given.backoff ?? null,
    maxIntervalSec: given.max_interval_sec ?? 3600,
  })),
);
