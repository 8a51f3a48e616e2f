/**
 * Templates as Go's text/template has them: `{{ .name }}`, `if`, `range`, `with`, pipelines. Pure, and
 * bounded: what an author writes neither runs forever nor fills the memory. A key that the data lacks is an
 * error (6.4, S-125).
 */
import { isMapping } from "./json.ts";
import { findFunction } from "./template-functions.ts";
import {
  type Node,
  type Nodes,
  type Operand,
  parseTemplate,
  type Pipe,
  type Template,
} from "./template-node.ts";
import { TemplateError } from "./template-token.ts";
import { isTrue, kindText, sortedKeys, valueText } from "./template-value.ts";

export type Rendered =
  | { readonly ok: true; readonly text: string }
  /** `line 3: map has no entry for key "name"` */
  | { readonly ok: false; readonly message: string };

const STEPS_MAX = 1_000_000;
const TEXT_MAX = 16_777_216;
const CALLS_MAX = 100;

export function renderTemplate(text: string, data: unknown): Rendered {
  try {
    const template = parseTemplate(text, isFunction);
    const rendering = newRendering(template);
    run(template.nodes, data, newFrame(data), rendering);
    return { ok: true, text: rendering.parts.join("") };
  } catch (error) {
    if (error instanceof TemplateError) return { ok: false, message: `line ${error.line}: ${error.message}` };
    // The engine's own limits: a text too long to exist, or a stack too deep.
    if (error instanceof RangeError) {
      return { ok: false, message: "the template is too large to be rendered" };
    }
    throw error;
  }
}

/** What can be told without data; null: nothing is wrong. */
export function templateProblem(text: string): string | null {
  try {
    parseTemplate(text, isFunction);
    return null;
  } catch (error) {
    if (error instanceof TemplateError) return `line ${error.line}: ${error.message}`;
    throw error;
  }
}

function isFunction(name: string): boolean {
  return name === "and" || name === "or" || findFunction(name) !== null;
}

/** What one rendering has done so far. */
interface Rendering {
  readonly template: Template;
  readonly parts: string[];
  size: number;
  steps: number;
  calls: number;
}

function newRendering(template: Template): Rendering {
  return { template, parts: [], size: 0, steps: 0, calls: 0 };
}

/** Variables in scope, innermost last. */
type Frame = { readonly name: string; value: unknown }[];

function newFrame(data: unknown): Frame {
  return [{ name: "", value: data }];
}

// ---- nodes ------------------------------------------------------------------------------------------------

type Leave = "break" | "continue" | null;

/** Which loop statement ended the nodes early. */
function run(nodes: Nodes, dot: unknown, frame: Frame, rendering: Rendering): Leave {
  const depth = frame.length;
  for (const node of nodes) {
    const leave = runNode(node, dot, frame, rendering);
    if (leave !== null) {
      frame.length = depth;
      return leave;
    }
  }
  frame.length = depth;
  return null;
}

function runNode(node: Node, dot: unknown, frame: Frame, rendering: Rendering): Leave {
  switch (node.kind) {
    case "text":
      write(node.text, 0, rendering);
      return null;
    case "print": {
      const value = evaluate(node.pipe, dot, frame, rendering);
      if (node.pipe.variables.length === 0) write(valueText(value), node.pipe.line, rendering);
      return null;
    }
    case "if":
    case "with":
      return runChoice(node, dot, frame, rendering);
    case "range":
      runRange(node, dot, frame, rendering);
      return null;
    case "template":
      runTemplate(node, dot, frame, rendering);
      return null;
    case "break":
    case "continue":
      return node.kind;
    default:
      return node satisfies never;
  }
}

type Branch = Extract<Node, { kind: "if" | "with" | "range" }>;

function runChoice(node: Branch, dot: unknown, frame: Frame, rendering: Rendering): Leave {
  const depth = frame.length;
  const value = evaluate(node.pipe, dot, frame, rendering);
  const inner = node.kind === "with" ? value : dot;
  const leave = isTrue(value)
    ? run(node.body, inner, frame, rendering)
    : run(node.otherwise, dot, frame, rendering);
  frame.length = depth;
  return leave;
}

function runRange(node: Branch, dot: unknown, frame: Frame, rendering: Rendering): void {
  const depth = frame.length;
  const { variables, isAssignment, line } = node.pipe;
  const items = itemsOf(evaluate({ ...node.pipe, variables: [] }, dot, frame, rendering), line);
  let isEmpty = true;
  for (const [key, value] of items) {
    isEmpty = false;
    step(line, rendering);
    const bound = variables.length === 2 ? [key, value] : [value];
    variables.forEach((name, index) => bind(name, bound[index], isAssignment, frame, line));
    const leave = run(node.body, value, frame, rendering);
    frame.length = depth;
    if (leave === "break") break;
  }
  if (isEmpty) run(node.otherwise, dot, frame, rendering);
}

function* itemsOf(value: unknown, line: number): Iterable<readonly [unknown, unknown]> {
  if (Array.isArray(value)) return yield* value.entries();
  if (isMapping(value)) {
    for (const key of sortedKeys(value)) yield [key, value[key]];
    return;
  }
  if (typeof value === "number" && Number.isInteger(value)) {
    for (let index = 0; index < value; index++) yield [index, index];
    return;
  }
  if (value !== null) throw new TemplateError(line, `range can't iterate over ${kindText(value)}`);
}

function runTemplate(
  node: Extract<Node, { kind: "template" }>,
  dot: unknown,
  frame: Frame,
  rendering: Rendering,
): void {
  const nodes = rendering.template.named.get(node.name);
  if (nodes === undefined) throw new TemplateError(node.line, `template "${node.name}" not defined`);
  if (rendering.calls >= CALLS_MAX) {
    throw new TemplateError(node.line, "templates call each other without end");
  }
  const data = node.pipe === null ? null : evaluate(node.pipe, dot, frame, rendering);
  rendering.calls++;
  run(nodes, data, newFrame(data), rendering);
  rendering.calls--;
}

function write(text: string, line: number, rendering: Rendering): void {
  rendering.size += text.length;
  if (rendering.size > TEXT_MAX) {
    throw new TemplateError(line, `the text is larger than ${TEXT_MAX} characters`);
  }
  if (text !== "") rendering.parts.push(text);
}

function step(line: number, rendering: Rendering): void {
  if (++rendering.steps > STEPS_MAX) throw new TemplateError(line, `more than ${STEPS_MAX} steps`);
}

// ---- pipes ------------------------------------------------------------------------------------------------

function evaluate(pipe: Pipe, dot: unknown, frame: Frame, rendering: Rendering): unknown {
  let value: unknown = null;
  pipe.commands.forEach((command, index) => {
    step(pipe.line, rendering);
    value = evaluateCommand(command, index === 0 ? [] : [value], { dot, frame, line: pipe.line, rendering });
  });
  const [name] = pipe.variables;
  if (name !== undefined) bind(name, value, pipe.isAssignment, frame, pipe.line);
  return value;
}

function bind(name: string, value: unknown, isAssignment: boolean, frame: Frame, line: number): void {
  if (!isAssignment) {
    frame.push({ name, value });
    return;
  }
  const known = frame.findLast((one) => one.name === name);
  if (known === undefined) throw new TemplateError(line, `undefined variable "$${name}"`);
  known.value = value;
}

interface Place {
  readonly dot: unknown;
  readonly frame: Frame;
  readonly line: number;
  readonly rendering: Rendering;
}

/** `piped`: what the command before it made, if there was one. */
function evaluateCommand(command: readonly Operand[], piped: readonly unknown[], place: Place): unknown {
  const [first, ...rest] = command;
  if (first === undefined) throw new TemplateError(place.line, "a value is missing");
  if (first.kind === "function") return callFunction(first.name, rest, piped, place);
  if (rest.length > 0 || piped.length > 0) {
    throw new TemplateError(place.line, "can't give arguments to what is no function");
  }
  return valueOf(first, place);
}

function callFunction(
  name: string,
  operands: readonly Operand[],
  piped: readonly unknown[],
  place: Place,
): unknown {
  if (name === "and" || name === "or") return choose(name, operands, piped, place);
  const known = findFunction(name);
  if (known === null) throw new TemplateError(place.line, `function "${name}" not defined`);
  const given = [...operands.map((operand) => valueOf(operand, place)), ...piped];
  if (given.length < known.least || given.length > known.most) {
    const wanted = known.least === known.most ? `${known.least}` : `at least ${known.least}`;
    throw new TemplateError(place.line, `${name}: wants ${wanted} arguments, got ${given.length}`);
  }
  try {
    for (const value of given) charge(value, place);
    const made = known.call(given);
    charge(made, place);
    return made;
  } catch (error) {
    if (error instanceof RangeError || error instanceof TemplateError || !(error instanceof Error)) {
      throw error;
    }
    const message = error.message.startsWith(`${name}:`) ? error.message : `${name}: ${error.message}`;
    throw new TemplateError(place.line, message);
  }
}

/** Long values cost more steps: to make, and to look through. */
function charge(value: unknown, { line, rendering }: Place): void {
  if (typeof value === "string" && value.length > TEXT_MAX) {
    throw new TemplateError(line, `a text is larger than ${TEXT_MAX} characters`);
  }
  const cost = typeof value === "string" ? value.length / 64 : Array.isArray(value) ? value.length / 8 : 0;
  rendering.steps += Math.floor(cost);
  step(line, rendering);
}

/** The first value that decides; those behind it are not looked at. */
function choose(
  name: "and" | "or",
  operands: readonly Operand[],
  piped: readonly unknown[],
  place: Place,
): unknown {
  const given = [
    ...operands.map((operand) => () => valueOf(operand, place)),
    ...piped.map((value) => () => value),
  ];
  if (given.length === 0) throw new TemplateError(place.line, `${name}: wants at least 1 arguments, got 0`);
  let value: unknown = null;
  for (const look of given) {
    value = look();
    if (isTrue(value) === (name === "or")) return value;
  }
  return value;
}

function valueOf(operand: Operand, place: Place): unknown {
  switch (operand.kind) {
    case "literal":
      return operand.value;
    case "dot":
      return place.dot;
    case "variable": {
      const known = place.frame.findLast((one) => one.name === operand.name);
      if (known === undefined) throw new TemplateError(place.line, `undefined variable "$${operand.name}"`);
      return known.value;
    }
    case "function":
      return callFunction(operand.name, [], [], place);
    case "pipe":
      return evaluate(operand.pipe, place.dot, place.frame, place.rendering);
    case "fields":
      return operand.names.reduce(
        (value, name) => field(value, name, place.line),
        valueOf(operand.of, place),
      );
    default:
      return operand satisfies never;
  }
}

function field(value: unknown, name: string, line: number): unknown {
  if (!isMapping(value)) throw new TemplateError(line, `can't take .${name} of ${kindText(value)}`);
  if (!Object.hasOwn(value, name)) throw new TemplateError(line, `map has no entry for key "${name}"`);
  return value[name];
}
