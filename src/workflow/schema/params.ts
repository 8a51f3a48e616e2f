import * as v from "valibot";
import { validatePattern } from "../condition.ts";
import { isMapping } from "../json.ts";
import { readToken, splitParams } from "../inputs.ts";
import { checkParam, coerceParam } from "../param-value.ts";
import { insertionText } from "../select.ts";
import type { ParamDeclaration, ParamDeclarations } from "../workflow.ts";
import {
  complain,
  distinctNames,
  fields,
  isScalarValue,
  keyItem,
  kindOf,
  quote,
  strictFlag,
  string,
} from "./fields.ts";
import { externalSchema, inlineSchema, isExternalSchema, isInlineSchema } from "./param-schema.ts";

const NAME = /^[A-Za-z][A-Za-z0-9_]*$/;
/** Other names that the service gives the payload (P-15). */
const RESERVED = ["DAG_PARAMS_JSON", "DAGU_PARAMS_JSON"];

const scalar = v.custom<string | number | boolean>(
  isScalarValue,
  (issue) => complain(`must be a scalar, got ${kindOf(issue.input)}`),
);
const bound = v.number(complain("must be a number"));
const size = v.pipe(
  v.number(complain("must be an integer >= 0")),
  v.integer(complain("must be an integer >= 0")),
  v.minValue(0, complain("must be an integer >= 0")),
);

/** One declaration in the rich form (3.1). */
const declaration = v.pipe(
  fields({
    name: v.optional(string),
    type: v.optional(
      v.picklist(
        ["string", "integer", "number", "boolean"],
        (issue) => complain(`type must be string, integer, number or boolean, got ${kindOf(issue.input)}`),
      ),
    ),
    default: v.optional(scalar),
    eval: v.optional(string),
    required: v.optional(strictFlag),
    description: v.optional(string),
    enum: v.optional(
      v.pipe(
        v.array(scalar, complain("enum must be a list of scalars")),
        v.minLength(1, complain("enum must not be empty")),
      ),
    ),
    minimum: v.optional(bound),
    maximum: v.optional(bound),
    min_length: v.optional(size),
    max_length: v.optional(size),
    pattern: v.optional(
      v.pipe(
        string,
        v.check(
          (value) => validatePattern(value, "pattern") === null,
          (issue) => complain(validatePattern(issue.input, "pattern") ?? ""),
        ),
      ),
    ),
  }, { of: "parameter" }),
  v.check(
    (given) => given.name === undefined || Object.keys(given).length > 1,
    complain("a parameter needs more than a name", "add type, default, required or another field"),
  ),
  v.check((given) => given.name !== undefined, complain("a parameter needs a name", "add name: NAME")),
  v.check(
    (given) => NAME.test(given.name ?? "x"),
    (issue) => complain(`parameter name ${quote(issue.input.name ?? "")} must match ${NAME.source}`),
  ),
  v.check(
    (given) =>
      (given.minimum === undefined && given.maximum === undefined) || given.type === "integer" ||
      given.type === "number",
    complain("minimum and maximum need type integer or number"),
  ),
  v.check(
    (given) =>
      (given.min_length === undefined && given.max_length === undefined && given.pattern === undefined) ||
      (given.type ?? "string") === "string",
    complain("min_length, max_length and pattern need type string"),
  ),
  v.check(
    (given) => (given.minimum ?? -Infinity) <= (given.maximum ?? Infinity),
    complain("minimum is above maximum"),
  ),
  v.check(
    (given) => (given.min_length ?? 0) <= (given.max_length ?? Infinity),
    complain("min_length is above max_length"),
  ),
  v.transform((given): ParamDeclaration => ({
    ...plain(given.name ?? "", given.default === undefined ? null : insertionText(given.default)),
    eval: given.eval ?? null,
    type: given.type ?? "string",
    required: given.required ?? false,
    description: given.description ?? null,
    enum: given.enum?.map(insertionText) ?? null,
    minimum: given.minimum ?? null,
    maximum: given.maximum ?? null,
    minLength: given.min_length ?? null,
    maxLength: given.max_length ?? null,
    pattern: given.pattern ?? null,
  })),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const entry = dataset.value;
    const stray = entry.enum?.find((option) => coerceParam(entry.type, option) === null);
    if (stray !== undefined) {
      addIssue({
        message: complain(`enum of parameter ${quote(entry.name)}: ${quote(stray)} is no ${entry.type}`),
      });
      return;
    }
    if (entry.default === null) return;
    const checked = checkParam(entry, entry.default);
    if (!checked.ok) addIssue({ message: complain(`default of ${checked.message}`) });
  }),
  // `TRUE` is exposed as `true`, whoever wrote it (P-07).
  v.transform((entry): ParamDeclaration => {
    const checked = entry.default === null ? null : checkParam(entry, entry.default);
    return checked?.ok === true ? { ...entry, default: checked.value } : entry;
  }),
);

function plain(name: string, value: string | null): ParamDeclaration {
  return {
    name,
    type: "string",
    default: value,
    eval: null,
    required: false,
    description: null,
    enum: null,
    minimum: null,
    maximum: null,
    minLength: null,
    maxLength: null,
    pattern: null,
  };
}

/** `KEY=value` is named, everything else positional: "1", "2", ... */
function fromTokens(tokens: readonly string[]): ParamDeclaration[] {
  let position = 0;
  return tokens.map((token) => {
    const { name, value } = readToken(token);
    return plain(name ?? String(++position), value);
  });
}

const simpleMap = v.pipe(
  v.custom<Record<string, unknown>>(isMapping),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    for (const [key, value] of Object.entries(dataset.value)) {
      const message = !/^[A-Za-z_]\w*$/.test(key)
        ? complain(`parameter name ${quote(key)} must match ${NAME.source}`)
        : value !== null && !isScalarValue(value)
        ? complain(
          `parameter ${quote(key)} must be a scalar, got ${kindOf(value)}`,
          "write - {name: ..., type: ..., default: ...}",
        )
        : null;
      if (message !== null) {
        addIssue({ message, path: [keyItem(key, value)] });
      }
    }
  }),
  v.transform((given) =>
    Object.entries(given).map(([key, value]) => plain(key, value === null ? "" : insertionText(value)))
  ),
);

/** Anything but `NAME: value` declares, and so needs a name. */
function isDeclaration(item: Readonly<Record<string, unknown>>): boolean {
  const keys = Object.keys(item);
  return keys.length !== 1 || keys.includes("name");
}

const notAnItem = v.custom<ParamDeclaration[]>(
  () => false,
  (issue) =>
    complain(
      `an item of params must be a text or a mapping, got ${kindOf(issue.input)}`,
      "write KEY=value, or - {name: ..., type: ..., default: ...}",
    ),
);

const listItem = v.lazy((input) => {
  if (!isScalarValue(input) && !isMapping(input)) return notAnItem;
  if (isScalarValue(input)) {
    return v.pipe(scalar, v.transform((value) => fromTokens([insertionText(value)])));
  }
  return isDeclaration(input) ? v.pipe(declaration, v.transform((one) => [one])) : simpleMap;
});

const list = v.pipe(
  v.array(listItem),
  v.transform((items) => {
    let position = 0;
    return items.flat().map((one) => /^\d+$/.test(one.name) ? { ...one, name: String(++position) } : one);
  }),
);

const written = v.pipe(
  v.lazy((input) =>
    Array.isArray(input)
      ? list
      : isScalarValue(input)
      ? v.pipe(scalar, v.transform((value) => fromTokens(splitParams(insertionText(value)))))
      : simpleMap
  ),
  distinctNames((name) => complain(`parameter ${quote(name)} is declared twice`)),
  v.check(
    (entries) => entries.every(({ name }) => !RESERVED.includes(name)),
    (issue) => {
      const name = issue.input.find((one) => RESERVED.includes(one.name))?.name ?? "";
      return complain(`parameter name ${quote(name)} is reserved`, "choose another name");
    },
  ),
  v.transform((entries): ParamDeclarations => ({ entries })),
);

/** `params` as text, list, map or JSON Schema (3.1). */
export const params = v.lazy((input): v.GenericSchema<unknown, ParamDeclarations> => {
  if (isMapping(input) && isInlineSchema(input)) return inlineSchema;
  return isMapping(input) && isExternalSchema(input) ? externalSchema : written;
});
