import * as v from "valibot";
import { validatePattern } from "../condition.ts";
import { isMapping } from "../json.ts";
import { checkParam, splitParams } from "../inputs.ts";
import type { ParamDeclaration, ParamDeclarations } from "../workflow.ts";
import { complain, fields, flag, isScalarValue, keyItem, kindOf, quote, string } from "./fields.ts";

const NAME = /^[A-Za-z][A-Za-z0-9_]*$/;

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
    required: v.optional(flag),
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
  }, { of: "parameter", unsupported: ["eval"] }),
  v.check(
    (given) => Object.keys(given).length > 1,
    complain("a parameter needs more than a name", "add type, default, required or another field"),
  ),
  v.check(
    (given) => NAME.test(given.name ?? ""),
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
    ...plain(given.name ?? "", given.default === undefined ? null : String(given.default)),
    type: given.type ?? "string",
    required: given.required ?? false,
    description: given.description ?? null,
    enum: given.enum?.map(String) ?? null,
    minimum: given.minimum ?? null,
    maximum: given.maximum ?? null,
    minLength: given.min_length ?? null,
    maxLength: given.max_length ?? null,
    pattern: given.pattern ?? null,
  })),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed || dataset.value.default === null) return;
    const checked = checkParam(dataset.value, dataset.value.default);
    if (!checked.ok) addIssue({ message: complain(`default of ${checked.message}`) });
  }),
);

function plain(name: string, value: string | null): ParamDeclaration {
  return {
    name,
    type: "string",
    default: value,
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
    const match = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s.exec(token);
    const value = unquote(match === null ? token : match[2] ?? "");
    if (match === null) position++;
    return plain(match?.[1] ?? String(position), value);
  });
}

function unquote(text: string): string {
  return /^(["'])[^]*\1$/.test(text) && text.length > 1 ? text.slice(1, -1) : text;
}

const simpleMap = v.pipe(
  v.custom<Record<string, unknown>>(isMapping),
  v.check(
    (given) => !("properties" in given || "schema" in given),
    complain(
      "params given as a JSON Schema are not supported by this version of dagu-edge",
      "declare them as a list",
    ),
  ),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    for (const [key, value] of Object.entries(dataset.value)) {
      const message = !NAME.test(key) && !/^[A-Za-z_]\w*$/.test(key)
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
    Object.entries(given).map(([key, value]) => plain(key, value === null ? "" : String(value)))
  ),
);

const listItem = v.lazy((input) => {
  if (isScalarValue(input)) return v.pipe(scalar, v.transform((value) => fromTokens([String(value)])));
  const isRich = typeof input === "object" && input !== null && "name" in input;
  return isRich ? v.pipe(declaration, v.transform((one) => [one])) : simpleMap;
});

const list = v.pipe(
  v.array(listItem),
  v.transform((items) => {
    let position = 0;
    return items.flat().map((one) => /^\d+$/.test(one.name) ? { ...one, name: String(++position) } : one);
  }),
);

/** `params` as text, list or map (3.1). */
export const params = v.pipe(
  v.lazy((input) =>
    Array.isArray(input)
      ? list
      : isScalarValue(input)
      ? v.pipe(scalar, v.transform((value) => fromTokens(splitParams(String(value)))))
      : simpleMap
  ),
  v.check((entries) => new Set(entries.map((one) => one.name)).size === entries.length, (issue) => {
    const names = issue.input.map((one) => one.name);
    return complain(
      `parameter ${quote(names.find((one, index) => names.indexOf(one) !== index) ?? "")} is declared twice`,
    );
  }),
  v.transform((entries): ParamDeclarations => ({ entries })),
);
