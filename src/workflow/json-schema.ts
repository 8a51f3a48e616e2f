/**
 * JSON Schema, as far as a schema says something about one value by itself: no remote references, no formats.
 * Both may come from anybody: patterns match in linear time, and the work is bounded.
 */
import { compilePattern, validatePattern } from "./condition.ts";
import { isGiven, isMapping } from "./json.ts";

export interface Violation {
  /** Keys and indexes from the value's root. */
  readonly path: readonly (string | number)[];
  /** `must be >= 1`. */
  readonly message: string;
}

type Path = Violation["path"];
type Schema = Readonly<Record<string, unknown>>;

/** Schemas that refer to each other deeper than this are taken for a circle. */
const MAX_DEPTH = 64;
/** Schemas that branch at every level would be looked at for ever. */
const MAX_CHECKS = 100_000;

/** Everything that the value breaks; empty: it satisfies the schema. */
export function findViolations(schema: unknown, value: unknown): Violation[] {
  return check({ root: schema, depth: 0, work: { left: MAX_CHECKS } }, schema, value, []);
}

/** A schema that a local `$ref` stands for (`#/$defs/name`); undefined: there is none. */
export function followReference(root: unknown, reference: string): unknown {
  if (reference !== "#" && !reference.startsWith("#/")) return undefined;
  let at = root;
  for (const part of reference.split("/").slice(1)) {
    const key = decodePart(part);
    if (Array.isArray(at)) at = at[Number(key)];
    else if (isMapping(at) && Object.hasOwn(at, key)) at = at[key];
    else return undefined;
  }
  return at;
}

function decodePart(part: string): string {
  try {
    return decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~");
  } catch {
    return part;
  }
}

/** What is wrong with the schema itself, wherever it is; null: nothing. */
export function findSchemaMistake(schema: unknown): string | null {
  const open: { readonly schema: unknown; readonly path: string }[] = [{ schema, path: "" }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (typeof next.schema === "boolean") continue;
    if (!isMapping(next.schema)) return `${next.path || "the schema"} must be a mapping`;
    const mistake = ownMistake(next.schema, schema);
    if (mistake !== null) return next.path === "" ? mistake : `${next.path}: ${mistake}`;
    for (const one of subschemas(next.schema, next.path)) open.push(one);
  }
  return null;
}

const TYPES = ["string", "integer", "number", "boolean", "object", "array", "null"];
const MAPS_OF_SCHEMAS = ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"];
const LISTS_OF_SCHEMAS = ["allOf", "anyOf", "oneOf", "prefixItems"];
const SCHEMAS = ["items", "additionalProperties", "propertyNames", "contains", "not", "if", "then", "else"];
const NUMBERS = [
  "minimum",
  "maximum",
  "exclusiveMinimum",
  "exclusiveMaximum",
  "multipleOf",
  "minLength",
  "maxLength",
  "minItems",
  "maxItems",
  "minProperties",
  "maxProperties",
];

function ownMistake(schema: Schema, root: unknown): string | null {
  const { type, pattern, $ref: reference, required } = schema;
  for (const name of listOf(type)) {
    if (!TYPES.includes(String(name))) return `type must be one of ${TYPES.join(", ")}`;
  }
  if (pattern !== undefined) {
    const mistake = typeof pattern === "string"
      ? validatePattern(pattern, "pattern")
      : "pattern must be a string";
    if (mistake !== null) return mistake;
  }
  for (const key of Object.keys(isMapping(schema["patternProperties"]) ? schema["patternProperties"] : {})) {
    const mistake = validatePattern(key, "pattern");
    if (mistake !== null) return mistake;
  }
  const noMap = MAPS_OF_SCHEMAS.find((key) => isGiven(schema[key]) && !isMapping(schema[key]));
  if (noMap !== undefined) return `${noMap} must be a mapping`;
  const noList = ["enum", ...LISTS_OF_SCHEMAS].find((key) =>
    isGiven(schema[key]) && !Array.isArray(schema[key])
  );
  if (noList !== undefined) return `${noList} must be a list`;
  if (schema["enum"] !== undefined && listOf(schema["enum"]).length === 0) return "enum must not be empty";
  const amount = NUMBERS.find((key) => schema[key] !== undefined && typeof schema[key] !== "number");
  if (amount !== undefined) return `${amount} must be a number`;
  if (
    required !== undefined && !(Array.isArray(required) && required.every((one) => typeof one === "string"))
  ) {
    return "required must be a list of names";
  }
  if (reference !== undefined && followReference(root, String(reference)) === undefined) {
    return `$ref ${JSON.stringify(reference)} names nothing in this schema`;
  }
  return null;
}

function subschemas(schema: Schema, path: string): { schema: unknown; path: string }[] {
  const at = (key: string): string => path === "" ? key : `${path}.${key}`;
  return [
    ...MAPS_OF_SCHEMAS.flatMap((key) =>
      Object.entries(isMapping(schema[key]) ? schema[key] : {})
        .map(([name, one]) => ({ schema: one, path: `${at(key)}.${name}` }))
    ),
    ...LISTS_OF_SCHEMAS.flatMap((key) =>
      (Array.isArray(schema[key]) ? schema[key] : [])
        .map((one: unknown, index) => ({ schema: one, path: `${at(key)}[${index}]` }))
    ),
    ...SCHEMAS.filter((key) => schema[key] !== undefined && !Array.isArray(schema[key]))
      .map((key) => ({ schema: schema[key], path: at(key) })),
  ];
}

// ---- one value --------------------------------------------------------------------------------------------------

interface Place {
  readonly root: unknown;
  readonly depth: number;
  /** Shared by all places of one value. */
  readonly work: { left: number };
}

function check(place: Place, schema: unknown, value: unknown, path: Path): Violation[] {
  if (schema === true || schema === undefined) return [];
  if (!isMapping(schema)) return [{ path, message: "is not allowed" }];
  if (place.depth > MAX_DEPTH || place.work.left-- <= 0) {
    return [{ path, message: "is described by schemas that take too long to follow" }];
  }
  const inner = { ...place, depth: place.depth + 1 };
  const typed = checkType(schema, value, path);
  // What has the wrong type breaks every other rule too; one sentence says it.
  if (typed.length > 0) return typed;
  return [
    ...checkReference(inner, schema, value, path),
    ...checkChoice(schema, value, path),
    ...(typeof value === "number" ? checkNumber(schema, value, path) : []),
    ...(typeof value === "string" ? checkText(schema, value, path) : []),
    ...(Array.isArray(value) ? checkList(inner, schema, value, path) : []),
    ...(isMapping(value) ? checkObject(inner, schema, value, path) : []),
    ...checkCombined(inner, schema, value, path),
  ];
}

function checkType(schema: Schema, value: unknown, path: Path): Violation[] {
  const types = listOf(schema["type"]).map(String);
  if (types.length === 0 || types.some((type) => isOfType(type, value))) return [];
  return [{ path, message: `must be ${types.join(" or ")}` }];
}

function isOfType(type: string, value: unknown): boolean {
  const kind = typeof value;
  switch (type) {
    case "integer":
      return Number.isInteger(value);
    case "object":
      return isMapping(value);
    case "array":
      return Array.isArray(value);
    case "null":
      return value === null;
    case "string":
    case "number":
    case "boolean":
      return kind === type;
    default:
      return false;
  }
}

function checkReference(place: Place, schema: Schema, value: unknown, path: Path): Violation[] {
  const reference = schema["$ref"];
  if (typeof reference !== "string") return [];
  return check(place, followReference(place.root, reference) ?? false, value, path);
}

function checkChoice(schema: Schema, value: unknown, path: Path): Violation[] {
  const text = canonical(value);
  const options = schema["enum"];
  if (Array.isArray(options) && !options.some((option) => canonical(option) === text)) {
    return [{ path, message: `must be one of ${options.map(shown).join(", ")}` }];
  }
  if (Object.hasOwn(schema, "const") && canonical(schema["const"]) !== text) {
    return [{ path, message: `must be ${shown(schema["const"])}` }];
  }
  return [];
}

function checkNumber(schema: Schema, value: number, path: Path): Violation[] {
  return judge(path, [
    [schema["minimum"], (limit) => value >= limit, "must be >="],
    [schema["maximum"], (limit) => value <= limit, "must be <="],
    [schema["exclusiveMinimum"], (limit) => value > limit, "must be >"],
    [schema["exclusiveMaximum"], (limit) => value < limit, "must be <"],
    [schema["multipleOf"], (unit) => isWhole(value / unit), "must be a multiple of"],
  ]);
}

function checkText(schema: Schema, value: string, path: Path): Violation[] {
  const length = [...value].length;
  const { pattern } = schema;
  return [
    ...judge(path, [
      [schema["minLength"], (limit) => length >= limit, "must have a length >="],
      [schema["maxLength"], (limit) => length <= limit, "must have a length <="],
    ]),
    ...(typeof pattern === "string" && !compilePattern(pattern).test(value)
      ? [{ path, message: `must match ${pattern}` }]
      : []),
  ];
}

function checkList(place: Place, schema: Schema, value: readonly unknown[], path: Path): Violation[] {
  const first = Array.isArray(schema["prefixItems"]) ? schema["prefixItems"] : [];
  const { contains } = schema;
  const hasWanted = contains === undefined ||
    value.some((item) => check(place, contains, item, path).length === 0);
  const isDoubled = schema["uniqueItems"] === true && new Set(value.map(canonical)).size < value.length;
  return [
    ...judge(path, [
      [schema["minItems"], (limit) => value.length >= limit, "must have a number of items >="],
      [schema["maxItems"], (limit) => value.length <= limit, "must have a number of items <="],
    ]),
    ...(isDoubled ? [{ path, message: "must not have an item twice" }] : []),
    ...(hasWanted ? [] : [{ path, message: "must have an item that satisfies contains" }]),
    ...value.flatMap((item, index) =>
      check(place, index < first.length ? first[index] : schema["items"], item, [...path, index])
    ),
  ];
}

function checkObject(place: Place, schema: Schema, value: Schema, path: Path): Violation[] {
  const properties = isMapping(schema["properties"]) ? schema["properties"] : {};
  const patterns = Object.entries(isMapping(schema["patternProperties"]) ? schema["patternProperties"] : {});
  const missing = listOf(schema["required"]).map(String).filter((name) => !Object.hasOwn(value, name));
  const count = Object.keys(value).length;
  return [
    ...missing.map((name) => ({ path: [...path, name], message: "is required" })),
    ...judge(path, [
      [schema["minProperties"], (limit) => count >= limit, "must have a number of keys >="],
      [schema["maxProperties"], (limit) => count <= limit, "must have a number of keys <="],
    ]),
    ...Object.entries(value).flatMap(([name, item]) => {
      const matching = patterns.filter(([pattern]) => compilePattern(pattern).test(name)).map(([, one]) =>
        one
      );
      const known = Object.hasOwn(properties, name) ? [properties[name], ...matching] : matching;
      const rules = known.length > 0 ? known : [schema["additionalProperties"]];
      return [
        ...rules.flatMap((rule) => check(place, rule, item, [...path, name])),
        ...check(place, schema["propertyNames"], name, [...path, name]),
      ];
    }),
  ];
}

function checkCombined(place: Place, schema: Schema, value: unknown, path: Path): Violation[] {
  const fits = (one: unknown): boolean => check(place, one, value, path).length === 0;
  const { allOf, anyOf, oneOf } = schema;
  const isEither = schema["if"] !== undefined;
  return [
    ...(Array.isArray(allOf) ? allOf.flatMap((one: unknown) => check(place, one, value, path)) : []),
    ...(Array.isArray(anyOf) && !anyOf.some(fits) ? [{ path, message: "must satisfy one of anyOf" }] : []),
    ...(Array.isArray(oneOf) && oneOf.filter(fits).length !== 1
      ? [{ path, message: "must satisfy exactly one of oneOf" }]
      : []),
    ...(schema["not"] !== undefined && fits(schema["not"])
      ? [{ path, message: "must not satisfy not" }]
      : []),
    ...(isEither ? check(place, schema[fits(schema["if"]) ? "then" : "else"], value, path) : []),
  ];
}

// ---- small words ------------------------------------------------------------------------------------------------

type Limit = readonly [limit: unknown, holds: (limit: number) => boolean, says: string];

function judge(path: Path, limits: readonly Limit[]): Violation[] {
  return limits.flatMap(([limit, holds, says]) =>
    typeof limit === "number" && !holds(limit) ? [{ path, message: `${says} ${limit}` }] : []
  );
}

function isWhole(ratio: number): boolean {
  return Math.abs(ratio - Math.round(ratio)) < 1e-9;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : value === undefined ? [] : [value];
}

/** The same text for values that are equal, whatever the order of their keys. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (!isMapping(value)) return JSON.stringify(value) ?? "null";
  const entries = Object.keys(value).sort().map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`);
  return `{${entries.join(",")}}`;
}

function shown(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
