/**
 * The language as a JSON Schema, for editors: read off the very schemas that check a workflow. What a check does beyond kinds
 * and known keys (patterns between fields, references) stays with `validate`.
 */
import * as v from "valibot";
import { NAMED_ACTIONS } from "./actions/names.ts";
import { REPLACEMENTS } from "./deprecated.ts";
import { isMapping } from "./json.ts";
import { dockerRun } from "./schema/docker-run.ts";
import { env, NAME } from "./schema/env.ts";
import { subRunWith } from "./schema/fanout.ts";
import { harnessStep } from "./schema/harness.ts";
import { humanTaskWith } from "./schema/human-task.ts";
import { step, stepFields } from "./schema/step.ts";
import { workflow } from "./schema/workflow.ts";

type JsonSchema = Record<string, unknown>;

/** One value of each kind: what a schema accepts is asked of it where it does not say so itself. */
const SAMPLES: Readonly<Record<string, readonly unknown[]>> = {
  string: ["text", "true", "1", "0644", "0 3 * * *", "1h", "A=1"],
  number: [1, 0, 2],
  boolean: [true],
  array: [[], ["text"]],
  object: [{}, { key: "text" }],
};

/** Mappings by whose keys a field of several forms tells them apart. */
const SHAPES: readonly unknown[] = [{}, { fields: {} }, { from: "stdout" }, { value: "text" }, {
  name: "text",
}, { schema: "text" }];

const SCALARS: JsonSchema = {
  type: "object",
  propertyNames: { pattern: NAME.source },
  additionalProperties: { type: ["string", "number", "boolean", "null"] },
};

/** `env` is read by hand: its schema does not say of what it is made. */
const ENV: JsonSchema = {
  anyOf: [SCALARS, {
    type: "array",
    items: { anyOf: [SCALARS, { type: "string", pattern: "^[A-Za-z_][A-Za-z0-9_]*=" }] },
  }],
};

/** Read before any schema looks at a workflow: each call of such an action has become a step by then. */
const CUSTOM_ACTIONS: JsonSchema = {
  type: "object",
  additionalProperties: {
    type: "object",
    properties: {
      description: { type: "string" },
      input_schema: { type: "object" },
      output_schema: { type: "object" },
      template: { type: "object" },
    },
    required: ["input_schema", "template"],
    additionalProperties: false,
  },
};

export function languageSchema(): JsonSchema {
  const walker = newWalker();
  const root = withProperties(walker.read(workflow), {
    actions: CUSTOM_ACTIONS,
    step_types: { ...CUSTOM_ACTIONS, deprecated: true, description: "use actions" },
  });
  const { $defs = {} } = walker;
  const withOf: JsonSchema[] = Object.entries(actionInputs()).map(([name, schema]) => ({
    if: { properties: { action: { const: name } }, required: ["action"] },
    then: { properties: { with: walker.read(schema) } },
  }));
  const old = Object.entries(REPLACEMENTS).map(([field, use]) => [
    field,
    { deprecated: true, description: use },
  ]);
  const known = withProperties($defs["step"] ?? {}, Object.fromEntries(old));
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "Workflow",
    ...root,
    required: ["steps"],
    $defs: { ...$defs, step: { ...known, allOf: withOf } },
  };
}

function withProperties(schema: JsonSchema, more: Readonly<Record<string, JsonSchema>>): JsonSchema {
  const { properties } = schema;
  return { ...schema, properties: { ...(isMapping(properties) ? properties : {}), ...more } };
}

function actionInputs(): Record<string, v.GenericSchema> {
  return {
    ...Object.fromEntries(Object.entries(NAMED_ACTIONS).map(([name, action]) => [name, action.with])),
    "docker.run": dockerRun,
    "container.run": dockerRun,
    "harness.run": harnessStep,
    "dag.run": subRunWith("dag.run"),
    "dag.enqueue": subRunWith("dag.enqueue"),
    "human.task": humanTaskWith,
  };
}

interface Walker {
  readonly $defs: Record<string, JsonSchema>;
  read(schema: unknown): JsonSchema;
}

/** Parts of a valibot schema, as far as they say which JSON it takes. */
interface Part {
  readonly type?: string;
  readonly pipe?: readonly unknown[];
  readonly wrapped?: unknown;
  readonly entries?: Readonly<Record<string, unknown>>;
  readonly item?: unknown;
  readonly value?: unknown;
  readonly options?: readonly unknown[];
  readonly literal?: unknown;
  readonly getter?: (input: unknown) => unknown;
}

function newWalker(): Walker {
  const $defs: Record<string, JsonSchema> = {};
  const open = new Set<unknown>();

  /** Steps hold steps. */
  const readStep = (): JsonSchema => {
    if ($defs["step"] === undefined) {
      $defs["step"] = {};
      $defs["step"] = read(stepFields);
    }
    return { anyOf: [{ $ref: "#/$defs/step" }, { type: "string" }] };
  };

  const read = (schema: unknown): JsonSchema => {
    if (schema === step) return readStep();
    if (schema === env) return ENV;
    const part: Part = isMapping(schema) ? schema : {};
    if (part.pipe !== undefined) return readPipe(schema, part.pipe);
    switch (part.type) {
      case "optional":
      case "nullable":
      case "nullish":
        return read(part.wrapped);
      case "loose_object":
      case "object":
        return {
          type: "object",
          properties: Object.fromEntries(
            Object.entries(part.entries ?? {}).map(([key, one]) => [key, read(one)]),
          ),
        };
      case "array":
        return { type: "array", items: read(part.item) };
      case "record":
        return { type: "object", additionalProperties: read(part.value) };
      case "picklist":
        return { enum: [...part.options ?? []] };
      case "literal":
        return { const: part.literal };
      case "union":
        return anyOf((part.options ?? []).map(read));
      case "lazy":
        return readLazy(schema, part);
      default:
        return kindsOf(schema);
    }
  };

  /** What stands in front of the structure may let other kinds in; what stands behind may shut keys out. */
  const readPipe = (schema: unknown, pipe: readonly unknown[]): JsonSchema => {
    const words = pipe.find((one) => isMapping(one) && one["type"] === "picklist");
    if (words !== undefined) return read(words);
    const structure = pipe.find((one) => one !== schema && isStructure(one));
    const kinds = acceptedKinds(schema);
    if (structure === undefined) return kindsOf(schema);
    const inner = { ...read(structure), ...leastItems(pipe) };
    const own = inner["type"];
    if (typeof own !== "string") return inner;
    const others = kinds.filter((kind) => kind !== own);
    const body = own === "object" && "properties" in inner && isClosed(schema)
      ? { ...inner, additionalProperties: false }
      : inner;
    // Where anything may stand in front of a list, one item is a list of one.
    const isLoose = own === "array" && isMapping(pipe[0]) && pipe[0]["type"] === "unknown";
    const single = isLoose && isMapping(inner["items"]) ? [inner["items"]] : [];
    return anyOf([body, ...single, ...(others.length === 0 ? [] : [typeOf(others)])]);
  };

  /** One schema per kind of input. */
  const readLazy = (schema: unknown, { getter }: Part): JsonSchema => {
    if (getter === undefined || open.has(schema)) return {};
    open.add(schema);
    const branches = new Map<unknown, string[]>();
    for (const [kind, samples] of Object.entries(SAMPLES)) {
      const shapes = kind === "object" ? SHAPES : samples.slice(0, 1);
      for (const branch of shapes.map(getter)) branches.set(branch, [...branches.get(branch) ?? [], kind]);
    }
    const taken = [...branches].flatMap(([branch, kinds]) => {
      const one = read(branch);
      if (Object.keys(one).length > 0) return isFor(one, kinds) ? [one] : [];
      // A mapping may have keys that no sample has; a branch for other kinds that takes nothing only says what is wrong.
      return kinds.includes("object") ? [{ type: "object" }] : acceptedKinds(branch).length > 0 ? [{}] : [];
    });
    open.delete(schema);
    return anyOf(taken);
  };

  return { $defs, read };
}

function isStructure(part: unknown): boolean {
  const types = ["loose_object", "object", "array", "record", "picklist", "lazy", "union", "literal"];
  return isMapping(part) && (types.includes(String(part["type"])) || Array.isArray(part["pipe"]));
}

/** Whether what a branch takes is of a kind for which it was chosen: a fallback says of other kinds what is wrong. */
function isFor(schema: JsonSchema, kinds: readonly string[]): boolean {
  const type = schema["type"];
  if (typeof type === "string") return kinds.includes(type);
  return Array.isArray(type) ? type.some((one) => kinds.includes(String(one))) : true;
}

function anyOf(schemas: readonly JsonSchema[]): JsonSchema {
  const different = [...new Map(schemas.map((one) => [JSON.stringify(one), one])).values()];
  const [first] = different;
  return different.length === 1 && first !== undefined
    ? first
    : different.length === 0
    ? {}
    : { anyOf: different };
}

/** Of a list, how many items it has at least. */
function leastItems(pipe: readonly unknown[]): JsonSchema {
  const least = pipe.find((one) => isMapping(one) && one["type"] === "min_length");
  return isMapping(least) ? { minItems: least["requirement"] } : {};
}

function kindsOf(schema: unknown): JsonSchema {
  const kinds = acceptedKinds(schema);
  const takes = (value: number): boolean => isSchema(schema) && v.safeParse(schema, value).success;
  if (!kinds.includes("number")) return typeOf(kinds);
  const isWhole = !takes(0.5) && !takes(1.5);
  const minimum = (isWhole ? [0, 1] : [0]).find((least) => takes(least) && !takes(least - 1));
  return {
    ...typeOf(kinds.map((kind) => kind === "number" && isWhole ? "integer" : kind)),
    ...(minimum === undefined ? {} : { minimum }),
  };
}

/** The kinds of JSON of which the schema takes some value. */
function acceptedKinds(schema: unknown): readonly string[] {
  if (!isSchema(schema)) return [];
  return Object.entries(SAMPLES)
    .filter(([, samples]) => samples.some((sample) => v.safeParse(schema, sample).success))
    .map(([kind]) => kind);
}

function typeOf(kinds: readonly string[]): JsonSchema {
  if (kinds.length === 0 || kinds.length === Object.keys(SAMPLES).length) return {};
  return { type: kinds.length === 1 ? kinds[0] : [...kinds] };
}

const STRANGER = "a_key_that_nobody_knows";

/** Whether unknown keys are refused. */
function isClosed(schema: unknown): boolean {
  if (!isSchema(schema)) return false;
  const { issues = [] } = v.safeParse(schema, { [STRANGER]: "text" });
  return issues.some((issue) => issue.path?.some((item) => item.key === STRANGER) === true);
}

function isSchema(value: unknown): value is v.GenericSchema {
  return isMapping(value) && value["kind"] === "schema";
}
