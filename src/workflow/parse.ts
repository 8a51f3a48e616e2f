/**
 * The language's front door: text -> a typed workflow, or every problem in it at once, each with its place and a remedy.
 * Pure: no file, no clock, no environment; nothing in a definition is executed (F-15).
 */
import * as v from "valibot";
import { assemble } from "./assemble.ts";
import { formatPath, type Path, readDocuments, type SourceDocument } from "./document.ts";
import { isMapping } from "./json.ts";
import { mend } from "./mend.ts";
import type { Problem } from "./problem.ts";
import { readComplaint } from "./schema/fields.ts";
import { workflow as workflowSchema, type WrittenWorkflow } from "./schema/workflow.ts";
import type { Workflow } from "./workflow.ts";

export interface Parsed {
  /** null exactly when some problem is an error. */
  readonly workflow: Workflow | null;
  readonly problems: readonly Problem[];
}

/** `validate` is stricter than `load`: the entry document must not define `name` (F-04). */
export type Level = "validate" | "load";

export function parseWorkflow(text: string, level: Level = "load"): Parsed {
  const read = readDocuments(text);
  if (!read.ok) return { workflow: null, problems: read.problems };
  const [entry, ...later] = read.documents;
  if (entry === undefined || isBlank(entry.value)) {
    return refuse([newProblem(entry, [], "entrypoint document must not be empty", "write at least steps")]);
  }
  if (!isMapping(entry.value)) {
    return refuse([newProblem(entry, [], "entrypoint document must be a mapping", "write at least steps")]);
  }
  const problems = later.map((document, index) =>
    newProblem(
      document,
      [],
      isBlank(document.value)
        ? `document ${index + 2} must not be empty`
        : `document ${index + 2}: local sub-workflows are not supported by this version of dagu-edge`,
      "keep one document in the file",
    )
  );
  if (level === "validate" && entry.value["name"] !== undefined) {
    const remedy = "the file's name is the workflow's name";
    problems.push(newProblem(entry, ["name"], "entrypoint document must not define name", remedy));
  }
  const { steps } = entry.value;
  if (steps === undefined) {
    problems.push(newProblem(entry, [], "a workflow must define steps", "add steps: with at least one step"));
  } else if (steps === null) {
    const message = "steps must be a non-empty sequence";
    problems.push(newProblem(entry, ["steps"], message, "add at least one step"));
  }
  return check(entry, entry.value, problems);
}

function check(entry: SourceDocument, value: Record<string, unknown>, earlier: readonly Problem[]): Parsed {
  const parsed = v.safeParse(workflowSchema, value);
  if (parsed.success) return finish(...applyRules(entry, parsed.output, earlier));
  const issues = parsed.issues.map((issue) => fromIssue(entry, issue));
  return finish(null, [...earlier, ...issues, ...rulesOnTheRest(entry, value, parsed.issues)]);
}

/** F-16: where some field is unreadable, the rules across the others still tell what they find. */
function rulesOnTheRest(
  entry: SourceDocument,
  value: Record<string, unknown>,
  issues: readonly v.BaseIssue<unknown>[],
): readonly Problem[] {
  const mended = mend(value, issues.map(pathOf));
  const parsed = mended === null ? null : v.safeParse(workflowSchema, mended.value);
  if (mended === null || parsed === null || !parsed.success) return [];
  const [, problems] = applyRules(entry, parsed.output, [], mended.isNoise);
  return problems;
}

function applyRules(
  entry: SourceDocument,
  written: WrittenWorkflow,
  earlier: readonly Problem[],
  isNoise: (path: Path) => boolean = () => false,
): [Workflow, readonly Problem[]] {
  const problems = [...earlier];
  const add = (path: Path, make: () => Problem): void => {
    if (!isNoise(path)) problems.push(make());
  };
  const workflow = assemble(written, {
    report: (path, message, remedy, code = "SPEC_INVALID") =>
      add(path, () => ({ ...newProblem(entry, path, message, remedy), code })),
    warn: (path, message) =>
      add(path, () => ({ ...newProblem(entry, path, message, ""), severity: "warning" })),
    fromIssues: (path, issues) =>
      issues.forEach((issue) => add([...path, ...pathOf(issue)], () => fromIssue(entry, issue, path))),
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

function refuse(problems: readonly Problem[]): Parsed {
  return { workflow: null, problems };
}

/** A sentence of its own stays as it is; "must be ..." gets the field's name in front. */
function fromIssue(entry: SourceDocument, issue: v.BaseIssue<unknown>, below: Path = []): Problem {
  const path = [...below, ...pathOf(issue)];
  const { code, message, remedy } = readComplaint(issue.message);
  const field = [...path].reverse().find((part) => typeof part === "string") ?? "workflow";
  const needsName = /^(must|is|needs) /.test(message);
  return { ...newProblem(entry, path, needsName ? `${field} ${message}` : message, remedy), code };
}

function pathOf(issue: v.BaseIssue<unknown>): Path {
  return (issue.path ?? []).flatMap((item) =>
    typeof item.key === "string" || typeof item.key === "number" ? [item.key] : []
  );
}

function newProblem(
  document: SourceDocument | undefined,
  path: Path,
  message: string,
  remedy: string,
): Problem {
  return {
    code: "SPEC_INVALID",
    severity: "error",
    path: formatPath(path),
    position: document?.positionOf(path) ?? { line: 1, column: 1 },
    message,
    remedy,
  };
}

function isBlank(value: unknown): boolean {
  return value === null || value === undefined || (isMapping(value) && Object.keys(value).length === 0);
}
