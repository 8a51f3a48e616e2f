/** `human.task` and `approval` (4.18). */
import * as v from "valibot";
import { compilePattern, validatePattern } from "../condition.ts";
import { isMapping } from "../json.ts";
import type { Approval, TaskField, TaskForm } from "../workflow.ts";
import { complain, fields, isScalarValue, keyItem, kindOf, string, texts } from "./fields.ts";

const NAME = /^[A-Za-z][A-Za-z0-9_]*$/;
const FORM_KEYS = ["type", "title", "description", "properties", "required", "additionalProperties"];
const FIELD_KEYS = [
  "type",
  "title",
  "description",
  "default",
  "enum",
  "oneOf",
  "minimum",
  "maximum",
  "minLength",
  "maxLength",
  "pattern",
];
const TYPES = ["string", "integer", "number", "boolean"] as const;

/** Where something in the form is wrong, and how. */
interface Slip {
  readonly at: readonly string[];
  readonly message: string;
}

const form = v.pipe(
  v.unknown(),
  v.rawTransform<unknown, TaskForm>(({ dataset, addIssue, NEVER }) => {
    const slips: Slip[] = [];
    const read = readForm(dataset.value, slips);
    for (const { at, message } of slips) {
      const [first, ...rest] = at.map((key) => keyItem(key, undefined));
      addIssue({ message: complain(message), ...(first === undefined ? {} : { path: [first, ...rest] }) });
    }
    return read === null || slips.length > 0 ? NEVER : read;
  }),
);

function readForm(value: unknown, slips: Slip[]): TaskForm | null {
  if (!isMapping(value)) {
    slips.push({ at: [], message: `form must be an object schema, got ${kindOf(value)}` });
    return null;
  }
  for (const key of Object.keys(value)) {
    if (!FORM_KEYS.includes(key)) slips.push({ at: [key], message: `form does not support ${key}` });
  }
  for (const key of notText(value)) slips.push({ at: [key], message: `form ${key} must be a string` });
  if (value["type"] !== "object") slips.push({ at: ["type"], message: "form type must be object" });
  const properties = value["properties"] ?? {};
  if (!isMapping(properties)) {
    slips.push({
      at: ["properties"],
      message: `form properties must be a mapping, got ${kindOf(properties)}`,
    });
    return null;
  }
  const required = value["required"] ?? [];
  if (!Array.isArray(required) || !required.every((name) => typeof name === "string")) {
    slips.push({ at: ["required"], message: "form required must be a list of property names" });
    return null;
  }
  for (const name of required) {
    if (!Object.hasOwn(properties, String(name))) {
      slips.push({
        at: ["required"],
        message: `form required names "${String(name)}", which is no property`,
      });
    }
  }
  const others = value["additionalProperties"] ?? false;
  if (typeof others !== "boolean") {
    slips.push({ at: ["additionalProperties"], message: "form additionalProperties must be a boolean" });
  }
  return {
    schema: value,
    allowsOthers: others === true,
    fields: Object.entries(properties).flatMap(([name, property]) => {
      const field = readField(name, property, required.includes(name), slips);
      return field === null ? [] : [field];
    }),
  };
}

function readField(name: string, value: unknown, isRequired: boolean, slips: Slip[]): TaskField | null {
  const at = ["properties", name];
  const slip = (message: string, key?: string): null => {
    slips.push({ at: key === undefined ? at : [...at, key], message: `form property "${name}" ${message}` });
    return null;
  };
  if (!NAME.test(name)) return slip(`must match ${NAME.source}`);
  if (!isMapping(value)) return slip(`must be a schema, got ${kindOf(value)}`);
  const unknown = Object.keys(value).find((key) => !FIELD_KEYS.includes(key));
  if (unknown !== undefined) return slip(`does not support ${unknown}`, unknown);
  const type = TYPES.find((one) => one === value["type"]);
  if (type === undefined) return slip(`type must be one of ${TYPES.join(", ")}`, "type");
  const [label] = notText(value);
  if (label !== undefined) return slip(`${label} must be a string`, label);
  const options = readOptions(value, type);
  if (typeof options === "string") return slip(options);
  for (const key of ["minimum", "maximum", "minLength", "maxLength"]) {
    const bound = value[key];
    if (bound === undefined) continue;
    if (typeof bound !== "number" || !Number.isFinite(bound)) return slip(`${key} must be a number`, key);
    const isForText = key.endsWith("Length");
    if (isForText && !(Number.isInteger(bound) && bound >= 0)) {
      return slip(`${key} must be a whole number of 0 or more`, key);
    }
    if (isForText !== (type === "string") || type === "boolean") {
      return slip(`${key} does not fit type ${type}`, key);
    }
  }
  const pattern = value["pattern"];
  if (pattern !== undefined) {
    if (typeof pattern !== "string" || type !== "string") return slip("pattern needs type string", "pattern");
    const broken = validatePattern(pattern, "pattern");
    if (broken !== null) return slip(broken, "pattern");
  }
  const field: TaskField = {
    name,
    type,
    isRequired,
    default: null,
    options,
    minimum: numberOf(value["minimum"]),
    maximum: numberOf(value["maximum"]),
    minLength: numberOf(value["minLength"]),
    maxLength: numberOf(value["maxLength"]),
    pattern: typeof pattern === "string" ? pattern : null,
  };
  const given = value["default"];
  if (given === undefined) return field;
  const broken = checkField(field, given);
  if (broken !== null || !isScalarValue(given)) {
    return slip(`default ${broken ?? "must be a scalar"}`, "default");
  }
  return { ...field, default: given };
}

function numberOf(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}

/** Of the labels, those that are no text. */
function notText(value: Readonly<Record<string, unknown>>): string[] {
  return ["title", "description"].filter((key) => value[key] !== undefined && typeof value[key] !== "string");
}

/** null: any value of the type; text: what is wrong. */
function readOptions(
  value: Readonly<Record<string, unknown>>,
  type: TaskField["type"],
): readonly (string | number | boolean)[] | null | string {
  const { enum: listed, oneOf } = value;
  if (listed === undefined && oneOf === undefined) return null;
  const missing = "needs scalars in enum, or const in each item of oneOf";
  const options: unknown[] = [];
  for (const item of Array.isArray(oneOf) ? oneOf : []) {
    if (!isMapping(item)) return missing;
    const unknown = Object.keys(item).find((key) => key !== "const" && key !== "title");
    if (unknown !== undefined) return `oneOf does not support ${unknown}`;
    if (item["title"] !== undefined && typeof item["title"] !== "string") {
      return "oneOf title must be a string";
    }
    options.push(item["const"]);
  }
  const allowed: unknown = listed ?? options;
  if (!Array.isArray(allowed) || allowed.length === 0 || !allowed.every(isScalarValue)) return missing;
  const misfit = allowed.find((one) => !isOfType(type, one));
  return misfit === undefined
    ? allowed
    : `${listed === undefined ? "oneOf" : "enum"} must hold values of type ${type}, got ${kindOf(misfit)}`;
}

/** What is wrong with a value of the field, after its name; null: nothing. */
export function checkField(field: TaskField, value: unknown): string | null {
  const fits = isOfType(field.type, value);
  if (!fits || !isScalarValue(value)) return `must be of type ${field.type}, got ${kindOf(value)}`;
  if (field.options !== null && !field.options.includes(value)) {
    return `must be one of ${field.options.map(String).join(", ")}, got ${kindOf(value)}`;
  }
  if (typeof value === "number") {
    if (field.minimum !== null && value < field.minimum) return `must be at least ${field.minimum}`;
    if (field.maximum !== null && value > field.maximum) return `must be at most ${field.maximum}`;
  }
  if (typeof value !== "string") return null;
  const length = [...value].length;
  if (field.minLength !== null && length < field.minLength) {
    return `must have at least ${field.minLength} characters`;
  }
  if (field.maxLength !== null && length > field.maxLength) {
    return `must have at most ${field.maxLength} characters`;
  }
  return field.pattern !== null && !compilePattern(field.pattern).test(value)
    ? `must match ${field.pattern}`
    : null;
}

function isOfType(type: TaskField["type"], value: unknown): boolean {
  switch (type) {
    case "integer":
      return Number.isInteger(value);
    case "number":
      return typeof value === "number" && Number.isFinite(value);
    case "string":
      return typeof value === "string";
    case "boolean":
      return typeof value === "boolean";
    default:
      return type satisfies never;
  }
}

export const humanTaskWith = v.pipe(
  fields({
    prompt: v.optional(
      v.pipe(string, v.check((text) => text.trim() !== "", complain("prompt must not be blank"))),
    ),
    form: v.optional(form),
  }, { of: "with of human.task", says: (key) => `human.task does not support with.${key}` }),
  v.check(
    (given) => given.prompt !== undefined,
    complain("human.task requires with.prompt", "add prompt: TEXT"),
  ),
  v.transform((given) => ({ prompt: given.prompt ?? "", form: given.form ?? null })),
);

export const approval = v.pipe(
  fields({
    prompt: v.optional(string),
    input: v.optional(texts),
    required: v.optional(texts),
    rewind_to: v.optional(string),
  }, { of: "approval" }),
  v.check(
    (given) => (given.required ?? []).every((name) => (given.input ?? []).includes(name)),
    complain("approval.required must name entries of approval.input"),
  ),
  v.transform((given): Approval => ({
    prompt: given.prompt ?? null,
    input: given.input ?? [],
    required: given.required ?? [],
    rewindTo: given.rewind_to ?? null,
  })),
);
