/** `parallel`, `foreach` and the sub-workflow actions (4.16, 4.17, 4.21). */
import * as v from "valibot";
import { isLongInteger, isMapping } from "../json.ts";
import type { Parallel } from "../workflow.ts";
import { complain, fields, isScalarValue, kindOf, string, text } from "./fields.ts";

export const FAN_OUT_MAX = 1000;
const DEFAULT_CONCURRENT = 10;

function concurrency(field: string) {
  return v.pipe(
    v.unknown(),
    v.check(
      (value) => typeof value === "number" && Number.isInteger(value),
      (issue) => complain(`${field}.max_concurrent must be an integer, got ${kindOf(issue.input)}`),
    ),
    v.transform(Number),
    v.check(
      (value) => value >= 1 && value <= FAN_OUT_MAX,
      complain(`${field}.max_concurrent must be an integer from 1 through ${FAN_OUT_MAX}`),
    ),
  );
}

/** Strings, numbers or flat maps (S-102). */
export function isParallelItem(value: unknown): boolean {
  return isWord(value) || (isMapping(value) && Object.values(value).every(isFlat));
}

function isWord(value: unknown): boolean {
  return typeof value === "string" || typeof value === "number" || isLongInteger(value);
}

function isFlat(value: unknown): boolean {
  return value === null || typeof value === "boolean" || isWord(value);
}

const item = v.pipe(
  v.unknown(),
  v.check(
    isParallelItem,
    (issue) =>
      complain(`a parallel item must be a string, a number or a flat mapping, got ${kindOf(issue.input)}`),
  ),
);

/** `{value: X}` and `{params: {...}}` are long forms of an item. */
function plainItem(value: unknown): unknown {
  if (!isMapping(value)) return value;
  const keys = Object.keys(value);
  if (keys.length === 1 && keys[0] === "value" && isScalarValue(value["value"])) return value["value"];
  return keys.length === 1 && keys[0] === "params" && isMapping(value["params"]) ? value["params"] : value;
}

const items = v.lazy((input): v.GenericSchema<unknown, string | unknown[]> =>
  Array.isArray(input)
    ? v.pipe(
      v.array(v.pipe(v.unknown(), v.transform(plainItem), item)),
      v.minLength(1, complain("parallel needs at least one item")),
      v.maxLength(FAN_OUT_MAX, complain(`parallel takes at most ${FAN_OUT_MAX} items`)),
    )
    : v.pipe(
      v.string((issue) =>
        complain(`parallel must be a string, a list or a mapping, got ${kindOf(issue.input)}`)
      ),
      v.check((value) => value.trim() !== "", complain("parallel needs at least one item")),
    )
);

const parallelMap = v.pipe(
  v.custom<Record<string, unknown>>(
    isMapping,
    (issue) => complain(`parallel must be a string, a list or a mapping, got ${kindOf(issue.input)}`),
  ),
  fields({ items: v.optional(items), max_concurrent: v.optional(concurrency("parallel")) }, {
    of: "parallel",
    says: (key) => `unknown parallel field "${key}"`,
  }),
  v.check((given) => given.items !== undefined, complain("parallel needs items", "add items: [...]")),
  v.transform((given): Parallel => ({
    items: given.items ?? [],
    maxConcurrent: given.max_concurrent ?? DEFAULT_CONCURRENT,
  })),
);

const parallelItems = v.pipe(
  items,
  v.transform((given): Parallel => ({ items: given, maxConcurrent: DEFAULT_CONCURRENT })),
);

export const parallel = v.lazy((input) =>
  Array.isArray(input) || isScalarValue(input) ? parallelItems : parallelMap
);

// ---- foreach ----------------------------------------------------------------------------------------------------

const NAME = /^[A-Za-z][A-Za-z0-9_]*$/;

/** Everything but the steps, which the step schema reads. */
export function foreachOf<S extends v.GenericSchema>(step: S) {
  return v.pipe(
    fields({
      items: v.optional(
        v.lazy((input): v.GenericSchema<unknown, string | unknown[]> =>
          Array.isArray(input)
            ? v.pipe(
              v.array(v.unknown()),
              v.maxLength(FAN_OUT_MAX, complain(`foreach.items takes at most ${FAN_OUT_MAX} items`)),
            )
            : v.string((issue) =>
              complain(`foreach.items must be a list or a string, got ${kindOf(issue.input)}`)
            )
        ),
      ),
      as: v.optional(v.pipe(
        string,
        v.check((value) => NAME.test(value), complain(`foreach.as must match ${NAME.source}`)),
        v.check(
          (value) => value !== "index" && value !== "key",
          (issue) =>
            complain(`foreach.as must not be "${issue.input}"`, "index and key have meanings of their own"),
        ),
      )),
      key: v.optional(
        v.pipe(string, v.check((value) => value.trim() !== "", complain("foreach.key must not be empty"))),
      ),
      max_concurrent: v.optional(concurrency("foreach")),
      steps: v.optional(v.pipe(
        v.array(step, complain("foreach.steps must be a non-empty sequence")),
        v.minLength(1, complain("foreach.steps must be a non-empty sequence")),
      )),
      collect: v.optional(v.pipe(
        v.record(v.string(), text, complain("foreach.collect must be a mapping")),
        v.check(
          (given) => Object.keys(given).every((name) => NAME.test(name)),
          complain(`names in foreach.collect must match ${NAME.source}`),
        ),
      )),
    }, { of: "foreach" }),
    v.check((given) => given.items !== undefined, complain("foreach.items is required", "add items: [...]")),
    v.check(
      (given) => given.steps !== undefined,
      complain("foreach.steps is required", "add at least one step"),
    ),
    v.transform((given) => ({
      items: given.items ?? [],
      as: given.as ?? "item",
      key: given.key ?? null,
      maxConcurrent: given.max_concurrent ?? DEFAULT_CONCURRENT,
      steps: given.steps ?? [],
      collect: given.collect ?? {},
    })),
  );
}

// ---- dag.run, dag.enqueue ---------------------------------------------------------------------------------------

const subParams = v.pipe(
  v.unknown(),
  v.check(
    (value) => isScalarValue(value) || Array.isArray(value) || isMapping(value),
    (issue) => complain(`params must be a string, a list or a mapping, got ${kindOf(issue.input)}`),
  ),
);

export function subRunWith(action: "dag.run" | "dag.enqueue") {
  const common = {
    dag: v.optional(v.pipe(text, v.check((value) => value.trim() !== "", complain("dag must not be empty")))),
    params: v.optional(subParams),
  };
  return v.pipe(
    fields(action === "dag.run" ? common : { ...common, queue: v.optional(string) }, {
      of: `with of ${action}`,
      says: (key) => `${action} does not support with.${key}`,
    }),
    v.check((given) => given.dag !== undefined, complain(`${action} requires with.dag`, "add dag: NAME")),
    v.transform((given) => ({
      dag: given.dag ?? "",
      params: given.params ?? null,
      queue: "queue" in given && typeof given.queue === "string" ? given.queue : null,
    })),
  );
}
