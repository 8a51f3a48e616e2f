/** `params` as a JSON Schema, written out or beside its `values` (3.1, P-11 to P-13). */
import * as v from "valibot";
import { isMapping } from "../json.ts";
import { findSchemaMistake, findViolations } from "../json-schema.ts";
import { propertiesOf } from "../param-schema.ts";
import { insertionText } from "../select.ts";
import type { ParamDeclaration, ParamDeclarations } from "../workflow.ts";
import { complain, isScalarValue, keyItem, kindOf, mapping, quote } from "./fields.ts";

/** Keys that make a mapping a schema rather than names with values. */
const SCHEMA_KEYS = [
  "properties",
  "required",
  "additionalProperties",
  "allOf",
  "anyOf",
  "oneOf",
  "$ref",
  "$defs",
];

export function isInlineSchema(given: Readonly<Record<string, unknown>>): boolean {
  return isMapping(given["properties"]) ||
    (given["type"] === "object" && SCHEMA_KEYS.some((key) => given[key] !== undefined));
}

/** `{schema, values}` and nothing else: a map of values may well hold the name `schema` among others. */
export function isExternalSchema(given: Readonly<Record<string, unknown>>): boolean {
  return given["schema"] !== undefined &&
    Object.keys(given).every((key) => key === "schema" || key === "values");
}

const schemaMapping = v.pipe(
  v.custom<Record<string, unknown>>(
    isMapping,
    (issue) =>
      typeof issue.input === "string"
        ? complain(
          `schema ${quote(issue.input)} was not read with the workflow`,
          "start or publish the file with the dagu command, or write the schema itself here",
        )
        : complain(`schema must be a mapping, got ${kindOf(issue.input)}`),
  ),
  v.check((schema) => findSchemaMistake(schema) === null, (issue) => {
    return complain(`the schema of params is wrong: ${findSchemaMistake(issue.input)}`);
  }),
  v.check(
    (schema) => schema["type"] === undefined || schema["type"] === "object",
    (issue) => complain(`the schema of params must have type: object, got ${kindOf(issue.input["type"])}`),
  ),
);

export const inlineSchema = v.pipe(
  schemaMapping,
  v.transform((schema) => declarationsOf(schema, {})),
  withChecks(),
);

export const externalSchema = v.pipe(
  v.object({ schema: schemaMapping, values: v.optional(v.nullable(mapping)) }),
  v.transform(({ schema, values }) => declarationsOf(schema, values ?? {})),
  withChecks(),
);

function declarationsOf(
  schema: Readonly<Record<string, unknown>>,
  values: Readonly<Record<string, unknown>>,
): ParamDeclarations & Required<Pick<ParamDeclarations, "schema">> {
  const properties = propertiesOf(schema);
  const written = [...properties].flatMap(([name, { default: value }]) =>
    value === undefined ? [] : [[name, value]]
  );
  const defaults: Record<string, unknown> = { ...Object.fromEntries(written), ...values };
  const required = Array.isArray(schema["required"]) ? schema["required"] : [];
  const names = new Set([...properties.keys(), ...Object.keys(values)]);
  const entries = [...names].map((name): ParamDeclaration => {
    const property = properties.get(name) ?? {};
    const { type, description, enum: options } = property;
    return {
      name,
      type: type === "integer" || type === "number" || type === "boolean" ? type : "string",
      default: Object.hasOwn(defaults, name) ? insertionText(defaults[name]) : null,
      eval: null,
      required: required.includes(name),
      description: typeof description === "string" ? description : null,
      enum: Array.isArray(options) && options.every(isScalarValue) ? options.map(insertionText) : null,
      minimum: null,
      maximum: null,
      minLength: null,
      maxLength: null,
      pattern: null,
    };
  });
  return { entries, schema: { schema, defaults } };
}

/** Defaults must satisfy what the schema says of each; that some are missing is found at the start (P-08). */
function withChecks() {
  return v.rawCheck<ReturnType<typeof declarationsOf>>(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const { schema, defaults } = dataset.value.schema;
    const { required: _required, ...rules } = schema;
    for (const { path: [name = ""], message } of findViolations(rules, defaults)) {
      const what = message === "is not allowed" ? "is not in the schema" : message;
      const value = defaults[String(name)];
      addIssue({
        message: complain(`default of parameter ${quote(String(name))} ${what}`),
        path: [keyItem(String(name), value)],
      });
    }
  });
}
