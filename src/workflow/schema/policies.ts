import * as v from "valibot";
import { validateExpected, validatePattern } from "../condition.ts";
import { isMapping } from "../json.ts";
import { insertionText } from "../select.ts";
import type { Condition, ContinueOn, DeclaredOutput, RetryPolicy } from "../workflow.ts";
import { complain, distinctNames, fields, isScalarValue, kindOf, quote, string } from "./fields.ts";
import { own } from "../own.ts";

const asList = v.transform((value: unknown): unknown => Array.isArray(value) ? value : [value]);

// ---- preconditions (4.11) ---------------------------------------------------------------------------------------

const CONDITION_KEYS = ["condition", "expected", "negate", "eval"];
const SHAPE = complain("precondition must be a string or an array of strings");

const commandText = v.pipe(
  v.string(SHAPE),
  v.check((command) => command !== "", complain("condition or eval is required")),
  v.transform((command): Condition => ({ kind: "command", command, negate: false })),
);

const conditionMap = v.pipe(
  v.custom<Record<string, unknown>>(isMapping, SHAPE),
  v.transform((given) => Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null))),
  v.check(
    (given) => Object.keys(given).every((key) => CONDITION_KEYS.includes(key)),
    (issue) => {
      const key = Object.keys(issue.input).find((one) => !CONDITION_KEYS.includes(one));
      return complain(`precondition has invalid key: ${key}`, `keys: ${CONDITION_KEYS.join(", ")}`);
    },
  ),
  v.check(
    (given) => given["eval"] === undefined || given["condition"] === undefined,
    complain("only one of condition or eval is allowed"),
  ),
  v.check(
    (given) =>
      given["eval"] !== undefined ||
      (given["condition"] !== undefined && (given["condition"] !== "" || given["expected"] !== undefined)),
    complain("condition or eval is required"),
  ),
  v.check(
    (given) => given["eval"] === undefined || given["expected"] !== undefined,
    complain("expected is required when eval is set"),
  ),
  v.check(
    (given) => notText(given) === undefined,
    (issue) => {
      const key = notText(issue.input) ?? "";
      return complain(
        `precondition value must be a string: ${key} is ${kindOf(issue.input[key])}`,
        "quote it",
      );
    },
  ),
  v.check(
    (given) => given["negate"] === undefined || typeof given["negate"] === "boolean",
    complain("precondition negate must be a boolean"),
  ),
  v.check(
    (given) => validateExpected(String(given["expected"] ?? "")) === null,
    (issue) =>
      complain(
        validateExpected(String(issue.input["expected"])) ?? "",
        "patterns are RE2's: no backreferences, no lookaround",
      ),
  ),
  v.transform((given): Condition => {
    const negate = given["negate"] === true;
    const expected = given["expected"] === undefined ? null : String(given["expected"]);
    if (given["eval"] !== undefined) {
      return { kind: "eval", condition: String(given["eval"]), expected: expected ?? "", negate };
    }
    const text = String(given["condition"]);
    return expected === null
      ? { kind: "command", command: text, negate }
      : { kind: "match", condition: text, expected, negate };
  }),
);

function notText(given: Readonly<Record<string, unknown>>): string | undefined {
  return ["condition", "eval", "expected"].find((key) =>
    given[key] !== undefined && typeof given[key] !== "string"
  );
}

/** One text or a list; a single mapping needs its dash (S-66). */
export const preconditions = v.lazy((input): v.GenericSchema<unknown, Condition[]> =>
  Array.isArray(input)
    ? v.array(
      v.lazy((item): v.GenericSchema<unknown, Condition> => isMapping(item) ? conditionMap : commandText),
    )
    : v.pipe(commandText, v.transform((one) => [one]))
);

// ---- retry_policy (4.13) ----------------------------------------------------------------------------------------

const count = v.pipe(
  v.unknown(),
  v.check(
    (value) =>
      (typeof value === "number" && Number.isInteger(value) && value >= 0) ||
      (typeof value === "string" && /^\d+$|\$/.test(value)),
    (issue) => complain(`must be an integer >= 0, or a reference, got ${kindOf(issue.input)}`),
  ),
  v.transform((value): number | string =>
    typeof value === "string" && /^\d+$/.test(value)
      ? Number(value)
      : typeof value === "number"
      ? value
      : String(value)
  ),
);

/** `field`: what the language calls it in the message. */
function codesOf(field: string) {
  const message = complain(`${field} must be an int or an array of ints`);
  return v.pipe(v.unknown(), asList, v.array(v.pipe(v.number(message), v.integer(message))));
}

export const codes = codesOf("exit_code");

export const backoff = v.pipe(
  v.unknown(),
  v.transform((value): unknown => value === true ? 2 : value === false ? null : value),
  v.nullable(v.pipe(
    v.number(complain("backoff must be true or a number")),
    v.check((value) => value > 1, complain("backoff must be greater than 1.0 for exponential growth")),
  )),
);

export const retryPolicy = v.pipe(
  fields({
    limit: v.optional(count),
    interval_sec: v.optional(count),
    exit_code: v.optional(codes),
    backoff: v.optional(backoff),
    max_interval_sec: v.optional(
      v.pipe(
        v.number(complain("max_interval_sec must be a number")),
        v.minValue(1, complain("max_interval_sec must be >= 1")),
      ),
    ),
  }, { of: "retry_policy" }),
  v.check((given) => given.limit !== undefined, complain("limit is required when retry_policy is specified")),
  v.check(
    (given) => given.interval_sec !== undefined,
    complain("interval_sec is required when retry_policy is specified"),
  ),
  v.transform((given): RetryPolicy => ({
    limit: given.limit ?? 0,
    intervalSec: given.interval_sec ?? 0,
    exitCodes: given.exit_code ?? null,
    backoff: given.backoff ?? null,
    maxIntervalSec: given.max_interval_sec ?? null,
  })),
);

// ---- continue_on (4.12) -----------------------------------------------------------------------------------------

const NEVER: ContinueOn = { failure: false, skipped: false, exitCodes: [], output: [], markSuccess: false };
export const NO_CONTINUE = NEVER;

const continueFlag = v.boolean((issue) => complain(`value must be a boolean, got ${kindOf(issue.input)}`));

const continueMap = v.pipe(
  fields({
    failure: v.optional(continueFlag),
    failed: v.optional(continueFlag),
    skipped: v.optional(continueFlag),
    exit_code: v.optional(codesOf("continue_on.exit_code")),
    output: v.optional(v.pipe(
      v.unknown(),
      asList,
      v.array(v.pipe(
        v.string(complain("continue_on.output must be a string or an array of strings")),
        v.check(
          (text) => !text.startsWith("re:") || validatePattern(text.slice(3), "pattern") === null,
          (issue) => complain(validatePattern(issue.input.slice(3), "pattern") ?? ""),
        ),
      )),
    )),
    mark_success: v.optional(continueFlag),
  }, { of: "continue_on" }),
  v.transform((given): ContinueOn => ({
    failure: given.failure ?? given.failed ?? false,
    skipped: given.skipped ?? false,
    exitCodes: given.exit_code ?? [],
    output: given.output ?? [],
    markSuccess: given.mark_success ?? false,
  })),
);

const continueWord = v.pipe(
  v.picklist(["failed", "skipped"], complain("continue_on string value must be 'skipped' or 'failed'")),
  v.transform((word): ContinueOn =>
    word === "failed" ? { ...NEVER, failure: true } : { ...NEVER, skipped: true }
  ),
);

export const continueOn = v.lazy((input) => typeof input === "string" ? continueWord : continueMap);

// ---- outputs (4.7) ----------------------------------------------------------------------------------------------

const OUTPUT_NAME = /^[A-Za-z][A-Za-z0-9_]*$/;

const declaredOutput = v.pipe(
  fields({
    name: v.optional(string),
    type: v.optional(v.picklist(["string", "json"], complain("type must be string or json"))),
  }, { of: "output", phrase: "has an unknown field", unsupported: ["path"] }),
  v.check(
    (given) => given.name !== undefined && given.name !== "",
    complain("name is required", `name must match ${OUTPUT_NAME.source}`),
  ),
  v.check(
    (given) => given.name === undefined || given.name === "" || OUTPUT_NAME.test(given.name),
    complain(`name must match ${OUTPUT_NAME.source}`),
  ),
  v.transform((given): DeclaredOutput => ({ name: given.name ?? "", type: given.type ?? "string" })),
);

export const outputs = v.pipe(
  v.array(
    declaredOutput,
    complain("outputs must be a non-empty sequence", "write - name: NAME for each output"),
  ),
  v.minLength(1, complain("outputs must be a non-empty sequence", "write - name: NAME for each output")),
  distinctNames((name) =>
    complain(`duplicate output name ${quote(name)}`, "names of outputs are unique in a step")
  ),
);

// ---- consts (3.2) -----------------------------------------------------------------------------------------------

function constProblem(entry: Readonly<Record<string, unknown>>): string | null {
  const keys = Object.keys(entry);
  const [name = ""] = keys;
  if (keys.length !== 1) return complain("consts entries must have exactly one key", "write - NAME: value");
  if (!OUTPUT_NAME.test(name)) {
    return complain(`consts key ${quote(name)} is invalid`, `names match ${OUTPUT_NAME.source}`);
  }
  const value = entry[name];
  if (!isScalarValue(value)) {
    return complain(
      `consts value of ${quote(name)} must be a literal string, number, or boolean, got ${kindOf(value)}`,
    );
  }
  return typeof value !== "number" || Number.isFinite(value)
    ? null
    : complain(`consts value of ${quote(name)} must be finite`);
}

const constEntry = v.pipe(
  v.custom<Record<string, unknown>>(
    isMapping,
    complain("consts entries must be single-entry mappings"),
  ),
  v.rawCheck(({ dataset, addIssue }) => {
    const message = dataset.typed ? constProblem(dataset.value) : null;
    if (message !== null) addIssue({ message });
  }),
  v.transform((given) => ({
    name: Object.keys(given)[0] ?? "",
    value: insertionText(Object.values(given)[0]),
  })),
);

export const consts = v.pipe(
  v.array(constEntry, complain("consts must use list form", "write - NAME: value")),
  distinctNames((name) => complain(`duplicate consts key ${quote(name)}`, "each constant is declared once")),
);

// ---- resources (R-43) -------------------------------------------------------------------------------------------

const UNITS: Readonly<Record<string, number>> = {
  k: 1e3,
  m: 1e6,
  g: 1e9,
  t: 1e12,
  p: 1e15,
  e: 1e18,
  ki: 2 ** 10,
  mi: 2 ** 20,
  gi: 2 ** 30,
  ti: 2 ** 40,
  pi: 2 ** 50,
  ei: 2 ** 60,
};

function readCpu(value: unknown): number | null {
  const match = /^(\d+(?:\.\d{1,3})?|\d+m)$/.exec(String(value).trim());
  if (match === null) return null;
  const text = match[1] ?? "";
  const cores = text.endsWith("m") ? Number(text.slice(0, -1)) / 1000 : Number(text);
  return cores > 0 ? cores : null;
}

function readMemory(value: unknown): number | null {
  const match = /^(\d+)([kmgtpe]i?)?b?$/i.exec(String(value).trim());
  if (match === null) return null;
  const bytes = Number(match[1]) * (match[2] === undefined ? 1 : own(UNITS, match[2].toLowerCase()) ?? 0);
  return bytes > 0 && Number.isSafeInteger(bytes) ? bytes : null;
}

function limit(read: (value: unknown) => number | null, what: string) {
  return v.pipe(
    v.unknown(),
    v.check(
      (value) => isScalarValue(value) && read(value) !== null,
      (issue) => complain(`${kindOf(issue.input)} is not ${what}`),
    ),
    v.transform((value) => read(value) ?? 0),
  );
}

/** Cores. */
export const cpuLimit = limit(readCpu, "a number of cores such as 0.5 or 500m");
/** Bytes. */
export const memoryLimit = limit(readMemory, "an amount of memory such as 512Mi or 1G");

export const resources = v.pipe(
  fields({
    limits: v.optional(fields({
      cpu: v.optional(cpuLimit),
      memory: v.optional(memoryLimit),
    }, { of: "resources.limits" })),
  }, { of: "resources" }),
  v.transform((given) => ({ cpu: given.limits?.cpu ?? null, memoryBytes: given.limits?.memory ?? null })),
);

// ---- labels (5.12) ----------------------------------------------------------------------------------------------

export const LABEL = /^[a-z0-9][a-z0-9_.-]{0,62}(=[a-z0-9][a-z0-9_./-]{0,254})?$/;
export const LABEL_FORM = "labels are key or key=value of a-z 0-9 . _ -";

/** That a run is given beside its workflow's own. */
export const runLabel = v.pipe(
  v.string(),
  v.toLowerCase(),
  v.regex(LABEL, (issue) => `label ${quote(issue.input)} is invalid: ${LABEL_FORM}`),
);

/** `key` or `key=value`, lowercased, from a string, a list or a map. */
export const labels = v.pipe(
  v.unknown(),
  v.transform((value): unknown =>
    typeof value === "string"
      ? value.split(/[\s,]+/).filter((part) => part !== "")
      : isMapping(value)
      ? labelsOf(value)
      : Array.isArray(value)
      ? value.flatMap((item) =>
        isMapping(item) ? labelsOf(item) : [isScalarValue(item) ? String(item) : item]
      )
      : value
  ),
  v.array(
    v.pipe(
      v.string((issue) => complain(`a label must be a string, got ${kindOf(issue.input)}`)),
      v.toLowerCase(),
      v.check(
        (text) => LABEL.test(text),
        (issue) => complain(`label ${quote(issue.input)} is invalid`, LABEL_FORM),
      ),
    ),
    complain("labels must be a string, a list or a mapping"),
  ),
);

function labelsOf(map: Readonly<Record<string, unknown>>): unknown[] {
  return Object.entries(map).map(([key, value]) => isScalarValue(value) ? `${key}=${value}` : value);
}
