import * as v from "valibot";
import type { FlagValue, HarnessConfig, HarnessDefinition, HarnessStep } from "../workflow.ts";
import { complain, fields, isScalarValue, keyItem, kindOf, mapping, name, oneOf, string } from "./fields.ts";

/** One entry of `harnesses:` (7.3). */
const definition = v.pipe(
  fields({
    binary: v.pipe(string, v.trim(), v.nonEmpty(complain("binary must not be blank"))),
    prefix_args: v.optional(
      v.array(v.pipe(string, v.trim()), complain("prefix_args must be a list of strings")),
    ),
    prompt_mode: v.optional(oneOf(["arg", "flag", "stdin"])),
    prompt_flag: v.optional(v.pipe(string, v.trim(), v.nonEmpty(complain("prompt_flag must not be blank")))),
    prompt_position: v.optional(oneOf(["before_flags", "after_flags"])),
    flag_style: v.optional(oneOf(["gnu_long", "single_dash"])),
    option_flags: v.optional(v.pipe(mapping, v.record(v.string(), string))),
  }, { of: "harness definition" }),
  v.check(
    (given) => given.prompt_mode !== "flag" || given.prompt_flag !== undefined,
    complain("prompt_mode: flag needs prompt_flag", "add prompt_flag: --prompt"),
  ),
  v.check(
    (given) => given.prompt_mode === "flag" || given.prompt_flag === undefined,
    complain(
      "prompt_flag is only used with prompt_mode: flag",
      "set prompt_mode: flag, or remove prompt_flag",
    ),
  ),
  v.transform((given): HarnessDefinition => ({
    binary: given.binary,
    prefixArgs: given.prefix_args ?? [],
    promptMode: given.prompt_mode ?? "arg",
    promptFlag: given.prompt_flag ?? null,
    promptPosition: given.prompt_position ?? "before_flags",
    flagStyle: given.flag_style ?? "gnu_long",
    optionFlags: given.option_flags ?? {},
  })),
);

/** Name -> definition; `null` deletes an inherited one, which without a base configuration means nothing (7.3.1). */
export const harnesses = v.pipe(
  mapping,
  v.record(
    v.pipe(v.string(), v.trim(), v.nonEmpty(complain("harness name must not be blank"))),
    v.nullable(definition),
  ),
  v.transform((given): Record<string, HarnessDefinition> =>
    Object.fromEntries(Object.entries(given).flatMap(([key, value]) => value === null ? [] : [[key, value]]))
  ),
);

const RESERVED = ["provider", "fallback", "managed", "prompt", "stdin"];

const provider = v.pipe(name, v.check((value) => !value.includes("\0"), complain("must not contain NUL")));

/** The keys that are not flags, checked; everything else is rendered as a flag (7.1). */
function config(allowsFallback: boolean) {
  return v.pipe(
    mapping,
    v.transform(withoutNulls),
    v.looseObject({ provider: v.optional(provider) }),
    v.rawCheck(({ dataset, addIssue }) => {
      const value: unknown = dataset.value;
      if (typeof value !== "object" || value === null) return;
      for (const [key, item] of Object.entries(value)) {
        const broken = brokenKey(key, item, allowsFallback);
        if (broken === null) continue;
        addIssue({ message: broken, path: [keyItem(key, item)] });
      }
    }),
  );
}

/** A key without a value counts as absent, as everywhere; a flag without one keeps a default away. */
function withoutNulls(given: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(given).filter(([key, value]) => value !== null || !RESERVED.includes(key)),
  );
}

function brokenKey(key: string, value: unknown, allowsFallback: boolean): string | null {
  if (key === "binary" || key === "prompt_args") {
    return complain(
      `${key} is not supported in harness.run`,
      "define the program under harnesses: and name it as provider",
    );
  }
  if (key === "managed") {
    return value === true
      ? complain("managed execution is unavailable", "remove managed, or set it to false")
      : null;
  }
  if (key === "fallback") {
    if (!allowsFallback) {
      return complain("fallback cannot be nested", "list every alternative at the outer fallback");
    }
    return Array.isArray(value)
      ? null
      : complain(`fallback must be a list of mappings, got ${kindOf(value)}`);
  }
  if (RESERVED.includes(key)) return null;
  const isFlag = value === null || isScalarValue(value) ||
    (Array.isArray(value) && value.every(isScalarValue));
  return isFlag ? null : complain(`${key} must be a scalar or a list of scalars, got ${kindOf(value)}`);
}

function flagsOf(given: Readonly<Record<string, unknown>>): Record<string, FlagValue> {
  const flags: Record<string, FlagValue> = {};
  for (const [key, value] of Object.entries(given)) {
    if (RESERVED.includes(key)) continue;
    if (value === null || isScalarValue(value)) flags[key] = value;
    else if (Array.isArray(value)) flags[key] = value.filter(isScalarValue);
  }
  return flags;
}

const fallbackItem = v.pipe(
  config(false),
  v.check(
    (given) => given.provider !== undefined,
    complain("fallback item needs a provider", "add provider: NAME"),
  ),
  v.transform((given): HarnessConfig => ({
    provider: given.provider ?? null,
    flags: flagsOf(given),
    fallback: null,
  })),
);

const withFallback = v.pipe(
  config(true),
  v.looseObject({ fallback: v.optional(v.array(fallbackItem)) }),
);

/** Workflow defaults of `harness.run` (7.5). */
export const harness = v.pipe(
  withFallback,
  v.transform((given): HarnessConfig => ({
    provider: typeof given["provider"] === "string" ? given["provider"] : null,
    flags: flagsOf(given),
    fallback: given.fallback ?? null,
  })),
  v.check((given) => given.provider !== null, complain("harness needs a provider", "add provider: NAME")),
);

const prompt = v.pipe(
  string,
  v.check((value) => value.trim() !== "", complain("prompt must not be blank")),
  v.check((value) => !value.includes("\0"), complain("prompt must not contain NUL")),
  // A single line is trimmed; a block is kept byte for byte (7.1).
  v.transform((value) => value.includes("\n") ? value : value.trim()),
);

/** `with` of `harness.run`. */
export const harnessStep = v.pipe(
  withFallback,
  v.looseObject({
    prompt: v.optional(prompt),
    stdin: v.optional(v.pipe(string, v.trim())),
  }),
  v.check((given) => given.prompt !== undefined, complain("harness.run needs a prompt", "add prompt: TEXT")),
  v.transform((given): HarnessStep => ({
    provider: typeof given["provider"] === "string" ? given["provider"] : null,
    flags: flagsOf(given),
    fallback: isFallback(given["fallback"]) ? given["fallback"] : null,
    prompt: given.prompt ?? "",
    stdin: given.stdin ?? null,
  })),
);

/** The schema before has made the items; this only tells the compiler so. */
function isFallback(value: unknown): value is readonly HarnessConfig[] {
  return Array.isArray(value);
}
