/**
 * The language's front door: text -> a typed workflow, or every problem in it at once, each with its place and a remedy.
 * Pure: no file, no clock, no environment; nothing in a definition is executed (F-15).
 */
import * as v from "valibot";
import { assemble } from "./assemble.ts";
import { type Base, carriedBase, inherit, type Inherited, sharedActions } from "./base.ts";
import { type Deprecated, expandCustomActions } from "./custom-actions.ts";
import { formatPath, type Path, readDocuments, type SourceDocument } from "./document.ts";
import { isMapping } from "./json.ts";
import { mend } from "./mend.ts";
import { findNotices, type Notice } from "./notices.ts";
import type { Problem } from "./problem.ts";
import { readComplaint } from "./schema/fields.ts";
import { isSignature } from "./signature.ts";
import { workflow as workflowSchema, type WrittenWorkflow } from "./schema/workflow.ts";
import type { Workflow } from "./workflow.ts";
import { asWritten, newWrittenPaths } from "./written-path.ts";

export interface Parsed {
  /** null exactly when some problem is an error. */
  readonly workflow: Workflow | null;
  readonly problems: readonly Problem[];
}

/** `validate` is stricter than `load`: the entry document must not define `name` (F-04). */
export type Level = "validate" | "load";

export function parseWorkflow(text: string, level: Level = "load"): Parsed {
  const read = readDocuments(text);
  const unread = read.ok ? [] : read.problems;
  if (!read.ok && read.documents.length === 0) return { workflow: null, problems: unread };
  const written = read.documents.filter(({ tag }) => !isSignature(tag));
  const bases = written.map(({ tag, value }) => carriedBase(tag, value));
  const sources = written.filter((_, index) => bases[index] === null);
  const base = bases.find((one) => one !== null) ?? null;
  const documents = sources.map((source, index) =>
    new DocumentPlace(source, index, level, index === 0 ? base : null)
  );
  const [entry, ...later] = documents;
  if (entry === undefined) {
    const message = "entrypoint document must not be empty";
    const position = { line: 1, column: 1 };
    const problem = {
      code: "SPEC_INVALID",
      severity: "error",
      path: "",
      position,
      message,
      remedy: "write steps",
    } as const;
    return { workflow: null, problems: [...unread, problem] };
  }
  const main = checkDocument(entry, level);
  const locals = later.map((place) => checkDocument(place, level));
  const problems = [
    ...unread,
    ...main.problems,
    ...locals.flatMap((one) => one.problems),
    ...checkNames(documents, level),
  ];
  const byName = locals.flatMap(({ workflow }) =>
    workflow === null || workflow.name === null ? [] : [[workflow.name, workflow] as const]
  );
  const whole = main.workflow === null ? null : { ...main.workflow, locals: Object.fromEntries(byName) };
  return finish(whole, problems);
}

/** A base configuration by itself (F-34). Its mistakes stand in its own text, so they are told before anything inherits them. */
export function parseBase(
  text: string,
): { readonly base: Base | null; readonly problems: readonly Problem[] } {
  const read = readDocuments(text);
  if (!read.ok) return { base: null, problems: read.problems };
  const [source, second] = read.documents;
  if (source === undefined || isBlank(source.value)) return { base: {}, problems: [] };
  const place = new DocumentPlace(source, 0, "load");
  const wrong = (path: Path, message: string, remedy: string) => ({
    base: null,
    problems: [place.problem(path, message, remedy)],
  });
  if (second !== undefined) return wrong([], "a base configuration is one document", "remove the others");
  const { value } = source;
  if (!isMapping(value)) return wrong([], "a base configuration must be a mapping", "write root fields");
  if (Object.hasOwn(value, "steps")) {
    return wrong(["steps"], "a base configuration must not define steps", "steps belong to workflows");
  }
  const whole = new DocumentPlace({ ...source, value: { ...value, steps: [{ run: "true" }] } }, 0, "load");
  const { workflow, problems } = checkDocument(whole, "load");
  const finished = finish(workflow, problems);
  return { base: finished.workflow === null ? null : value, problems: finished.problems };
}

/** The document of that name; "": the first. A local document sees the others of its stream (F-01). */
export function pickDocument(workflow: Workflow, document: string): Workflow | null {
  if (document === "") return workflow;
  const local = Object.hasOwn(workflow.locals, document) ? workflow.locals[document] : undefined;
  return local === undefined ? null : { ...local, locals: workflow.locals };
}

/** One document of the stream, and how its problems are told. */
class DocumentPlace {
  /** Of a document that has a base. */
  readonly inherited: Inherited | null;

  constructor(
    readonly source: SourceDocument,
    readonly index: number,
    private readonly level: Level,
    readonly base: Base | null = null,
  ) {
    this.inherited = base !== null && isMapping(source.value) ? inherit(base, source.value) : null;
  }

  /** Notices exist on inspection surfaces only (V-51). */
  get isInspected(): boolean {
    return this.level === "validate";
  }

  problem(merged: Path, message: string, remedy: string): Problem {
    const [field = "", at, ...rest] = merged;
    const shift = this.inherited?.before[field] ?? 0;
    const path = typeof at === "number" && at >= shift ? [field, at - shift, ...rest] : merged;
    const prefix = this.index === 0 ? [] : ["document", this.index];
    // Where a run is refused, the message alone says which document it is about (F-13).
    const isTold = this.index > 0 && this.level === "load";
    return {
      code: "SPEC_INVALID",
      severity: "error",
      path: formatPath([...prefix, ...path]),
      position: this.source.positionOf(path),
      message: isTold ? `failed to process document ${this.index}: ${message}` : message,
      remedy,
    };
  }
}

interface Checked {
  readonly workflow: Workflow | null;
  readonly problems: readonly Problem[];
}

function checkDocument(place: DocumentPlace, level: Level): Checked {
  const own = place.source.value;
  const called = place.index === 0 ? "entrypoint document" : `document ${place.index + 1}`;
  if (isBlank(own)) {
    return refuse([place.problem([], `${called} must not be empty`, "write at least steps")]);
  }
  if (!isMapping(own)) {
    return refuse([place.problem([], `${called} must be a mapping`, "write at least steps")]);
  }
  const { value, mistakes, deprecated } = expandCustomActions(place.inherited?.value ?? own);
  const earlier = mistakes.map(({ path, message, remedy }) => place.problem(path, message, remedy));
  for (const name of place.base === null ? [] : sharedActions(place.base, own)) {
    const message = `custom action "${name}" is defined both in the base configuration and here`;
    earlier.push(place.problem(["actions", name], message, "rename or remove one of them"));
  }
  for (const one of deprecated) earlier.push(toDeprecation(place, one));
  const { steps } = value;
  if (steps === undefined) {
    const missing = place.problem([], "a workflow must define steps", "add steps: with at least one step");
    return check(place, value, [...earlier, missing]);
  }
  if (steps === null) {
    const message = "steps must be a non-empty sequence";
    return check(place, value, [...earlier, place.problem(["steps"], message, "add at least one step")]);
  }
  return check(
    place,
    level === "load" && isMapping(steps) ? { ...value, steps: listSteps(steps) } : value,
    earlier,
  );
}

function toDeprecation(place: DocumentPlace, { path, use }: Deprecated): Problem {
  const at = `${place.index === 0 ? "" : `document[${place.index}].`}${formatPath(path)}`;
  const message = `Deprecated DAG syntax: ${at} is deprecated; ${use}`;
  return { ...place.problem(path, message, ""), severity: "warning" };
}

/** F-08: older files map names to steps; in the order of their names. */
function listSteps(steps: Readonly<Record<string, unknown>>): unknown[] {
  return Object.keys(steps).sort().map((name) => {
    const step = steps[name];
    return isMapping(step) ? { name, ...step } : typeof step === "string" ? { name, run: step } : step;
  });
}

/** F-04 to F-06. */
function checkNames(documents: readonly DocumentPlace[], level: Level): readonly Problem[] {
  const problems: Problem[] = [];
  const seen = new Set<string>();
  for (const place of documents) {
    const { value } = place.source;
    if (!isMapping(value)) continue;
    const { name } = value;
    const isEntry = place.index === 0;
    if (isEntry && name !== undefined && level === "validate") {
      const remedy = "the file's name is the workflow's name";
      problems.push(place.problem(["name"], "entrypoint document must not define name", remedy));
    }
    if (!isEntry && (typeof name !== "string" || name === "")) {
      const message = `document ${place.index + 1} must define name`;
      problems.push(place.problem([], message, "steps call it by this name"));
    }
    if (typeof name !== "string" || name === "") continue;
    if (seen.has(name)) {
      problems.push(
        place.problem(["name"], `DAG document name "${name}" must be unique`, "rename one of them"),
      );
    }
    seen.add(name);
  }
  return problems;
}

function check(place: DocumentPlace, value: Record<string, unknown>, earlier: readonly Problem[]): Checked {
  const parsed = v.safeParse(workflowSchema, value);
  if (parsed.success) {
    const [workflow, problems] = applyRules(place, value, parsed.output, earlier);
    const isWhole = problems.every((problem) => problem.severity !== "error");
    const notices = isWhole && place.isInspected ? findNotices(workflow) : [];
    const written = newWrittenPaths(value);
    return {
      workflow,
      problems: [...problems, ...notices.map((one) => toProblem(place, { ...one, path: written(one.path) }))],
    };
  }
  const issues = parsed.issues.map((issue) => fromIssue(place, issue, value));
  return refuse([...earlier, ...issues, ...rulesOnTheRest(place, value, parsed.issues)]);
}

function toProblem(place: DocumentPlace, { path, at = path, token, reason, remedy, kind }: Notice): Problem {
  const message = `${token} was left unchanged, reason=${reason}`;
  const { position } = place.problem(at, message, remedy);
  return { ...place.problem(path, message, remedy), position, severity: "warning", notice: kind };
}

/** F-16: where some field is unreadable, the rules across the others still tell what they find. */
function rulesOnTheRest(
  place: DocumentPlace,
  value: Record<string, unknown>,
  issues: readonly v.BaseIssue<unknown>[],
): readonly Problem[] {
  const mended = mend(value, issues.map(pathOf));
  const parsed = mended === null ? null : v.safeParse(workflowSchema, mended.value);
  if (mended === null || parsed === null || !parsed.success) return [];
  const [, problems] = applyRules(place, value, parsed.output, [], mended.isNoise);
  return problems;
}

function applyRules(
  place: DocumentPlace,
  value: Record<string, unknown>,
  written: WrittenWorkflow,
  earlier: readonly Problem[],
  isNoise: (path: Path) => boolean = () => false,
): [Workflow, readonly Problem[]] {
  const problems = [...earlier];
  const add = (path: Path, make: () => Problem): void => {
    if (!isNoise(path)) problems.push(make());
  };
  const workflow = assemble(written, {
    prefix: place.index === 0 ? "" : `document[${place.index}].`,
    report: (path, message, remedy, code = "SPEC_INVALID") =>
      add(path, () => ({ ...place.problem(path, message, remedy), code })),
    warn: (path, message) => add(path, () => ({ ...place.problem(path, message, ""), severity: "warning" })),
    fromIssues: (path, issues) =>
      issues.forEach((issue) => add([...path, ...pathOf(issue)], () => fromIssue(place, issue, value, path))),
  });
  return [workflow, problems];
}

/** More than a person would read; the rest is counted. */
const MAX_PROBLEMS = 200;

/** In the order of the text. Errors are kept rather than warnings when there are too many. */
function finish(workflow: Workflow | null, found: readonly Problem[]): Parsed {
  const errors = found.filter((problem) => problem.severity === "error");
  const warnings = found.filter((problem) => problem.severity === "warning");
  const kept = [...errors, ...warnings].slice(0, MAX_PROBLEMS).sort(byPosition);
  const more = found.length - kept.length;
  const rest: Problem[] = more === 0 ? [] : [{
    code: "SPEC_INVALID",
    severity: errors.length > 0 ? "error" : "warning",
    path: "",
    position: null,
    message: `and ${more} more`,
    remedy: "",
  }];
  return { workflow: errors.length > 0 ? null : workflow, problems: [...kept, ...rest] };
}

function byPosition(one: Problem, other: Problem): number {
  const [a, b] = [one.position, other.position];
  return (a?.line ?? 0) - (b?.line ?? 0) || (a?.column ?? 0) - (b?.column ?? 0);
}

function refuse(problems: readonly Problem[]): Checked {
  return { workflow: null, problems };
}

/** A sentence of its own stays as it is; "must be ..." gets the field's name in front. */
function fromIssue(
  place: DocumentPlace,
  issue: v.BaseIssue<unknown>,
  value: Record<string, unknown>,
  below: Path = [],
): Problem {
  const path = asWritten([...below, ...pathOf(issue)], value);
  const { code, message, remedy } = readComplaint(issue.message);
  const field = formatPath(path.slice(path.findLastIndex((part) => typeof part === "string"))) || "workflow";
  const needsName = /^(must|is|needs) /.test(message);
  return { ...place.problem(path, needsName ? `${field} ${message}` : message, remedy), code };
}

function pathOf(issue: v.BaseIssue<unknown>): Path {
  return (issue.path ?? []).flatMap((item) =>
    typeof item.key === "string" || typeof item.key === "number" ? [item.key] : []
  );
}

function isBlank(value: unknown): boolean {
  return value === null || value === undefined || (isMapping(value) && Object.keys(value).length === 0);
}
