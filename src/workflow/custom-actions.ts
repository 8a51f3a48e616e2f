/**
 * Actions that a workflow declares itself (workflow-language contract 4.20): each call becomes the template's step before
 * anything else looks at it. References inside `with` survive and are resolved at run time (S-127).
 */
import { isNamedAction } from "./actions/names.ts";
import type { Path } from "./document.ts";
import { isGiven, isMapping, withoutNulls } from "./json.ts";
import { findSchemaMistake, findViolations } from "./json-schema.ts";
import { own } from "./own.ts";
import { renderTemplate } from "./template.ts";

export interface Mistake {
  readonly path: Path;
  readonly message: string;
  readonly remedy: string;
}

export interface Expanded {
  readonly value: Record<string, unknown>;
  readonly mistakes: readonly Mistake[];
  /** Older spellings, each with what to write instead. */
  readonly deprecated: readonly Deprecated[];
}

export interface Deprecated {
  readonly path: Path;
  readonly use: string;
}

interface Declared {
  readonly inputSchema: Readonly<Record<string, unknown>>;
  readonly outputSchema: unknown;
  readonly template: Readonly<Record<string, unknown>>;
}

const NAME = /^[A-Za-z][\w-]*(\.[A-Za-z][\w-]*)*$/;
const BUILT_IN = new Set([
  "run",
  "docker.run",
  "container.run",
  "harness.run",
  "dag.run",
  "dag.enqueue",
  "human.task",
  "router.route",
]);
const KEYS = ["description", "input_schema", "output_schema", "template"];
/** What a call site says about itself; how the work is done is the template's. */
const EXECUTION = [
  "run",
  "container",
  "parallel",
  "foreach",
  "worker_selector",
  "command",
  "script",
  "shell",
  "type",
];
const MAX_DEPTH = 16;

export function expandCustomActions(value: Record<string, unknown>): Expanded {
  const { actions, step_types: stepTypes, ...rest } = value;
  if (actions === undefined && stepTypes === undefined) return { value, mistakes: [], deprecated: [] };
  const mistakes: Mistake[] = [];
  const deprecated: Deprecated[] = stepTypes === undefined
    ? []
    : [{ path: ["step_types"], use: "use actions" }];
  const declared = readDeclared(actions, stepTypes, mistakes);
  const expander = newExpander(declared, mistakes, deprecated);
  const { steps, handler_on: handlers } = rest;
  return {
    value: {
      ...rest,
      ...(steps === undefined ? {} : { steps: expander.steps(steps, ["steps"]) }),
      ...(isMapping(handlers)
        ? {
          handler_on: Object.fromEntries(
            Object.entries(handlers).map((
              [name, step],
            ) => [name, expander.step(step, ["handler_on", name], [])]),
          ),
        }
        : {}),
    },
    mistakes,
    deprecated,
  };
}

// ---- declarations -----------------------------------------------------------------------------------------------

function readDeclared(
  actions: unknown,
  stepTypes: unknown,
  mistakes: Mistake[],
): ReadonlyMap<string, Declared> {
  const declared = new Map<string, Declared>();
  for (const [field, given] of [["actions", actions], ["step_types", stepTypes]] as const) {
    if (given === undefined || given === null) continue;
    if (!isMapping(given)) {
      mistakes.push({ path: [field], message: `${field} must be a mapping of names to actions`, remedy: "" });
      continue;
    }
    for (const [name, one] of Object.entries(given)) {
      const path = [field, name];
      const read = readOne(name, one, path, mistakes);
      if (declared.has(name)) {
        mistakes.push({
          path,
          message: `custom action "${name}" is declared twice`,
          remedy: "keep one of them",
        });
      } else if (read !== null) declared.set(name, read);
    }
  }
  return declared;
}

function readOne(name: string, given: unknown, path: Path, mistakes: Mistake[]): Declared | null {
  const refuse = (message: string, remedy = "", at: Path = path): null => {
    mistakes.push({ path: at, message, remedy });
    return null;
  };
  if (!NAME.test(name)) {
    return refuse(`custom action name "${name}" is invalid`, "dotted words, for example notify.chat");
  }
  if (isNamedAction(name) || BUILT_IN.has(name)) {
    return refuse(`"${name}" is a built-in action`, "choose another name");
  }
  if (!isMapping(given)) return refuse(`custom action "${name}" must be a mapping`);
  const unknown = Object.keys(given).find((key) => !KEYS.includes(key));
  if (unknown !== undefined) {
    return refuse(`action has invalid keys: ${unknown}`, `keys: ${KEYS.join(", ")}`, [...path, unknown]);
  }
  const { input_schema: inputSchema, output_schema: outputSchema, template } = given;
  if (!isMapping(inputSchema) || inputSchema["type"] !== "object") {
    return refuse(`custom action "${name}" needs input_schema with type: object`, "", [
      ...path,
      "input_schema",
    ]);
  }
  const schemas = [["input_schema", inputSchema], ["output_schema", outputSchema]] as const;
  for (const [key, schema] of schemas) {
    const mistake = schema === undefined || schema === null ? null : findSchemaMistake(schema);
    if (mistake !== null) {
      return refuse(`custom action "${name}": ${key} is no JSON Schema: ${mistake}`, "", [...path, key]);
    }
  }
  if (!isMapping(template)) {
    return refuse(`custom action "${name}" needs a template`, "a step", [...path, "template"]);
  }
  if (isGiven(template["run"]) === isGiven(template["action"])) {
    return refuse("a template holds exactly one of run and action", "keep one of them", [
      ...path,
      "template",
    ]);
  }
  return { inputSchema, outputSchema, template };
}

// ---- calls ------------------------------------------------------------------------------------------------------

interface Expander {
  steps(steps: unknown, path: Path): unknown;
  step(step: unknown, path: Path, within: readonly string[]): unknown;
}

function newExpander(
  declared: ReadonlyMap<string, Declared>,
  mistakes: Mistake[],
  deprecated: Deprecated[],
): Expander {
  /** The action that a step of an older spelling named by its type, `config` beside it. */
  const readType = (
    step: Readonly<Record<string, unknown>>,
    path: Path,
  ): Readonly<Record<string, unknown>> => {
    const { type, config, with: given, ...rest } = step;
    if (typeof type !== "string" || !declared.has(type.trim())) return step;
    if (isGiven(step["run"]) || isGiven(step["action"])) return step;
    deprecated.push({ path: [...path, "type"], use: "use action" });
    if (isGiven(config)) deprecated.push({ path: [...path, "config"], use: "use with" });
    const input = isMapping(config) && isMapping(given) ? { ...config, ...given } : given ?? config;
    return { ...rest, action: type, ...(isGiven(input) ? { with: input } : {}) };
  };
  const expandStep = (step: unknown, path: Path, within: readonly string[]): unknown => {
    if (Array.isArray(step)) {
      return step.map((one: unknown, index) => expandStep(one, [...path, index], within));
    }
    if (!isMapping(step)) return step;
    const written = readType(step, path);
    const body = written["foreach"];
    const whole = isMapping(body) && body["steps"] !== undefined
      ? { ...written, foreach: { ...body, steps: expandSteps(body["steps"], [...path, "foreach", "steps"]) } }
      : written;
    const name = typeof whole["action"] === "string" ? whole["action"].trim() : "";
    const action = declared.get(name);
    if (action === undefined) return whole;
    if (within.includes(name) || within.length >= MAX_DEPTH) {
      const line = [...within, name].join(" -> ");
      mistakes.push({
        path: [...path, "action"],
        message: `custom action reaches itself: ${line}`,
        remedy: "",
      });
      return { ...whole, action: "noop", with: {} };
    }
    const call = expandCall(name, action, whole, path, mistakes);
    return expandStep(call, path, [...within, name]);
  };
  const expandSteps = (steps: unknown, path: Path): unknown => expandStep(steps, path, []);
  return {
    step: expandStep,
    steps: (steps, path) =>
      isMapping(steps)
        ? Object.fromEntries(
          Object.entries(steps).map(([name, step]) => [name, expandStep(step, [...path, name], [])]),
        )
        : expandSteps(steps, path),
  };
}

/** The template's step, with what the call site says of itself. */
function expandCall(
  name: string,
  action: Declared,
  call: Readonly<Record<string, unknown>>,
  path: Path,
  mistakes: Mistake[],
): Record<string, unknown> {
  const { action: _action, with: given, env, preconditions, ...rest } = withoutNulls(call);
  for (const field of EXECUTION) {
    if (!Object.hasOwn(rest, field)) continue;
    const message = `${field} is not allowed in a call of custom action "${name}"`;
    mistakes.push({ path: [...path, field], message, remedy: "it belongs into the action's template" });
  }
  if (given !== undefined && !isMapping(given)) {
    mistakes.push({ path: [...path, "with"], message: "with must be an object", remedy: "" });
    return { action: "noop", with: {} };
  }
  const input = fillDefaults(action.inputSchema, given ?? {});
  for (const violation of findViolations(action.inputSchema, input)) {
    // A reference becomes its value only at run time.
    if (hasReference(input, violation.path)) continue;
    const at = [...path, "with", ...violation.path];
    mistakes.push({
      path: at,
      message: `input of ${name}: ${violation.path.join(".") || "with"} ${violation.message}`,
      remedy: "",
    });
  }
  const template = render(action.template, input, [...path, "action"], mistakes);
  const step = isMapping(template) ? template : {};
  return {
    ...step,
    ...Object.fromEntries(Object.entries(rest).filter(([key]) => !EXECUTION.includes(key))),
    ...joined("env", step["env"], env),
    ...joined("preconditions", step["preconditions"], preconditions),
    ...(action.outputSchema === undefined || Object.hasOwn(rest, "output_schema")
      ? {}
      : { output_schema: action.outputSchema }),
  };
}

function fillDefaults(
  schema: Readonly<Record<string, unknown>>,
  given: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const properties = isMapping(schema["properties"]) ? schema["properties"] : {};
  const defaults = Object.entries(properties).flatMap(([name, property]) =>
    isMapping(property) && "default" in property && !Object.hasOwn(given, name)
      ? [[name, property["default"]]]
      : []
  );
  return { ...Object.fromEntries(defaults), ...given };
}

function hasReference(input: unknown, path: Path): boolean {
  let at = input;
  for (const key of path) {
    at = Array.isArray(at) && typeof key === "number" ? at[key] : isMapping(at) ? at[String(key)] : undefined;
  }
  return typeof at === "string" && at.includes("$");
}

/** `{{ .input.x }}` and all else that templates know in texts, and `{$input: path}` for a value with its kind (S-125). */
function render(
  value: unknown,
  input: Readonly<Record<string, unknown>>,
  path: Path,
  mistakes: Mistake[],
): unknown {
  if (typeof value === "string") {
    if (!value.includes("{{")) return value;
    const rendered = renderTemplate(value, { input });
    if (rendered.ok) return rendered.text;
    mistakes.push({
      path,
      message: `template of the custom action: ${rendered.message}`,
      remedy: "use {{ .input.NAME }}, and {{`{{`}} for braces that are meant to stay",
    });
    return value;
  }
  if (Array.isArray(value)) return value.map((item: unknown) => render(item, input, path, mistakes));
  if (!isMapping(value)) return value;
  const keys = Object.keys(value);
  if (keys.length === 1 && keys[0] === "$input" && typeof value["$input"] === "string") {
    const found = inputAt(input, value["$input"]);
    if (found !== undefined) return found;
    mistakes.push({
      path,
      message: `template of the custom action: there is no input ${value["$input"]}`,
      remedy: "",
    });
    return null;
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, render(item, input, path, mistakes)]),
  );
}

function inputAt(input: Readonly<Record<string, unknown>>, path: string): unknown {
  return path.split(".").reduce<unknown>((at, key) => isMapping(at) ? own(at, key) : undefined, input);
}

/** The template's entries come first; both may be lists, mappings or one text. */
function joined(field: string, first: unknown, second: unknown): Record<string, unknown> {
  if (first === undefined || second === undefined) {
    const one = second ?? first;
    return one === undefined ? {} : { [field]: one };
  }
  return { [field]: [...listOf(first), ...listOf(second)] };
}

function listOf(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  return isMapping(value) ? Object.entries(value).map(([key, item]) => ({ [key]: item })) : [value];
}
