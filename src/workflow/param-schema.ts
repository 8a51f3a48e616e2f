/** Parameters that a JSON Schema describes (workflow-language contract P-11, P-12). */
import { compilePattern } from "./condition.ts";
import { exactInteger, isMapping, parseExactJson, withPlainNumbers } from "./json.ts";
import { findViolations, followReference } from "./json-schema.ts";
import { coerceParam } from "./param-value.ts";
import type { ParamSchema } from "./workflow.ts";

export type AppliedSchema =
  | { readonly ok: true; readonly values: Readonly<Record<string, unknown>> }
  | { readonly ok: false; readonly messages: readonly string[] };

export interface GivenValues {
  /** From tokens: each takes the type that the schema gives its name. */
  readonly texts: readonly (readonly [string, string])[];
  /** From JSON: with their kinds; a text takes another type where the schema wants one. */
  readonly values: Readonly<Record<string, unknown>>;
}

/** The values that were given over the defaults, when all together satisfy the schema. */
export function applySchema({ schema, defaults }: ParamSchema, given: GivenValues): AppliedSchema {
  const messages: string[] = [];
  const properties = propertiesOf(schema);
  const values: Record<string, unknown> = { ...defaults };
  for (const [name, value] of [...Object.entries(given.values), ...given.texts]) {
    const types = typesOf(properties.get(name));
    const read = typeof value === "string" ? readText(value, types) : { value };
    if (read !== null) values[name] = read.value;
    else messages.push(`parameter "${name}": cannot coerce "${value}" to ${types.join(" or ")}`);
  }
  if (messages.length > 0) return { ok: false, messages };
  const unknown = Object.keys(values).filter((name) => !properties.has(name) && !takesOthers(schema, name));
  if (unknown.length > 0) {
    const accepted = [...properties.keys()].join(", ");
    messages.push(`unknown parameter(s): ${unknown.join(", ")}; accepted: ${accepted}`);
  }
  for (const { path, message } of findViolations(schema, withPlainNumbers(values))) {
    const [name = "", ...below] = path.map(String);
    if (path.length === 1 && unknown.includes(name)) continue;
    const where = below.length === 0 ? "" : `${below.join(".")} `;
    messages.push(path.length === 0 ? `params ${message}` : `parameter "${name}" ${where}${message}`);
  }
  return messages.length === 0 ? { ok: true, values } : { ok: false, messages };
}

type Property = Readonly<Record<string, unknown>>;

/** What the schema says of each name, a reference followed once. */
export function propertiesOf(schema: ParamSchema["schema"]): ReadonlyMap<string, Property> {
  const properties = isMapping(schema["properties"]) ? schema["properties"] : {};
  return new Map(Object.entries(properties).map(([name, property]) => [name, follow(schema, property)]));
}

function follow(schema: ParamSchema["schema"], property: unknown): Property {
  if (!isMapping(property)) return {};
  const reference = property["$ref"];
  const named = typeof reference === "string" ? followReference(schema, reference) : undefined;
  return isMapping(named) ? { ...named, ...property } : property;
}

/** Empty: any. */
function typesOf(property: Property | undefined): readonly string[] {
  const type = property?.["type"];
  return type === undefined ? [] : (Array.isArray(type) ? type : [type]).map(String);
}

/** Whether a name without a property of its own may be given. */
function takesOthers(schema: ParamSchema["schema"], name: string): boolean {
  const patterns = isMapping(schema["patternProperties"]) ? Object.keys(schema["patternProperties"]) : [];
  return schema["additionalProperties"] !== false ||
    patterns.some((pattern) => compilePattern(pattern).test(name));
}

/** null: the text is none of these types. */
function readText(text: string, types: readonly string[]): { readonly value: unknown } | null {
  if (types.length === 0 || types.includes("string")) return { value: text };
  for (const type of types) {
    if (type === "integer" || type === "number") {
      if (coerceParam(type, text) !== null) return { value: exactInteger(text) };
    } else if (type === "boolean") {
      const word = coerceParam("boolean", text);
      if (word !== null) return { value: word === "true" };
    } else {
      const value = parseExactJson(text);
      if (value !== undefined && findViolations({ type }, withPlainNumbers(value)).length === 0) {
        return { value };
      }
    }
  }
  return null;
}
