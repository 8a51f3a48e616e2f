/** What an action's `with` may hold, and how its texts are resolved (workflow-language contract 6.1 and 2.6). */
import * as v from "valibot";
import { parseDuration } from "../duration.ts";
import { complain, fields, isScalarValue, kindOf } from "../schema/fields.ts";

export interface ActionDefinition<S extends v.GenericSchema = v.GenericSchema> {
  /** Checked when a definition is loaded, as far as references allow, and again when the step starts. */
  readonly with: S;
  /** Keys of `with` that stay as written. */
  readonly literal: readonly string[];
  /** Keys of `with` that hold one whole reference and nothing beside it. */
  readonly references: readonly string[];
  /** Who owns `$NAME` in the other texts. */
  readonly unqualified: "scope" | "host";
  /** Names that the action always publishes; `any`: those that its input or result tells (V-56). */
  readonly outputs: readonly string[] | "any";
}

export function defineAction<S extends v.GenericSchema>(
  schema: S,
  options: Partial<Omit<ActionDefinition, "with">> = {},
): ActionDefinition<S> {
  return { literal: [], references: [], unqualified: "scope", outputs: [], ...options, with: schema };
}

/**
 * What the root holds for all actions of a family. Values may hold references, so only the keys can be judged
 * when the file is loaded.
 */
export function rootDefaults(entries: v.ObjectEntries, of: string) {
  const keys = Object.keys(entries).map((key) => [key, v.optional(v.unknown())]);
  return fields(Object.fromEntries(keys), { of });
}

/** A whole number, or text that reads as one: what a whole-value reference leaves. */
export function wholeNumber(minimum: number, maximum: number = Number.MAX_SAFE_INTEGER) {
  const range = maximum === Number.MAX_SAFE_INTEGER ? `>= ${minimum}` : `from ${minimum} to ${maximum}`;
  return v.pipe(
    v.custom<string | number>(
      (value) => Number.isSafeInteger(value) || (typeof value === "string" && /^\s*[+-]?\d+\s*$/.test(value)),
      (issue) => complain(`must be an integer, got ${kindOf(issue.input)}`),
    ),
    v.transform(Number),
    v.minValue(minimum, complain(`must be ${range}`)),
    v.maxValue(maximum, complain(`must be ${range}`)),
  );
}

/** A finite number, or text that reads as one. */
export function anyNumber(minimum: number, maximum: number) {
  return v.pipe(
    v.custom<string | number>(
      (value) =>
        (typeof value === "number" && Number.isFinite(value)) ||
        (typeof value === "string" && value.trim() !== "" && Number.isFinite(Number(value))),
      (issue) => complain(`must be a number, got ${kindOf(issue.input)}`),
    ),
    v.transform(Number),
    v.minValue(minimum, complain(`must be from ${minimum} to ${maximum}`)),
    v.maxValue(maximum, complain(`must be from ${minimum} to ${maximum}`)),
  );
}

/** Seconds; text with a unit such as `1m30s` is turned into them. 0: no limit. */
export const seconds = v.pipe(
  v.unknown(),
  v.transform((value): unknown => {
    if (typeof value !== "string") return value;
    const ms = parseDuration(value);
    return ms === null ? (/^\s*\d+(\.\d+)?\s*$/.test(value) ? Number(value) : value) : ms / 1000;
  }),
  v.custom<number>(
    (value) => typeof value === "number" && Number.isFinite(value) && value >= 0,
    (issue) => complain(`must be seconds or a duration such as 30s, got ${kindOf(issue.input)}`),
  ),
);

/** A boolean, or text that reads as one. */
export const bool = v.pipe(
  v.custom<string | boolean>(
    (value) =>
      typeof value === "boolean" || (typeof value === "string" && /^\s*(true|false)\s*$/i.test(value)),
    (issue) => complain(`must be a boolean, got ${kindOf(issue.input)}`),
  ),
  v.transform((value) => typeof value === "boolean" ? value : value.trim().toLowerCase() === "true"),
);

/** Text that is not empty. */
export const filled = v.pipe(
  v.custom<string | number | boolean>(
    isScalarValue,
    (issue) => complain(`must be a string, got ${kindOf(issue.input)}`),
  ),
  v.transform(String),
  v.nonEmpty(complain("must not be empty")),
);

/** Any value of YAML or JSON. */
export const anything = v.unknown();
