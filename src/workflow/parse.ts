/**
 * The language's front door: text -> a typed workflow, or every problem in it at once, each with its place and a remedy.
 * Pure: no file, no clock, no environment; nothing in a definition is executed (F-15).
 */
import * as v from "valibot";
import { assemble } from "./assemble.ts";
import { type Path, readDocuments, type SourceDocument } from "./document.ts";
import type { Problem } from "./problem.ts";
import { readComplaint } from "./schema/fields.ts";
import { workflow as workflowSchema } from "./schema/workflow.ts";
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
  if (entry === undefined || entry.value === null || entry.value === undefined) {
    return refuse([newProblem(entry, [], "entrypoint document must not be empty", "write at least steps")]);
  }
  if (!isMapping(entry.value) || Object.keys(entry.value).length === 0) {
    const message = isMapping(entry.value)
      ? "entrypoint document must not be empty"
      : "entrypoint document must be a mapping";
    return refuse([newProblem(entry, [], message, "write at least steps")]);
  }
  const problems = later.map((document, index) =>
    newProblem(
      document,
      [],
      `document ${index + 2}: local sub-workflows are not supported by this version of dagu-edge`,
      "keep one document in the file",
    )
  );
  if (level === "validate" && entry.value["name"] !== undefined) {
    problems.push(
      newProblem(
        entry,
        ["name"],
        "entrypoint document must not define name",
        "the file's name is the workflow's name",
      ),
    );
  }
  if (entry.value["steps"] === undefined) {
    problems.push(newProblem(entry, [], "a workflow must define steps", "add steps: with at least one step"));
  } else if (entry.value["steps"] === null) {
    problems.push(
      newProblem(entry, ["steps"], "steps must be a non-empty sequence", "add at least one step"),
    );
  }
  return check(entry, problems);
}

function check(entry: SourceDocument, earlier: readonly Problem[]): Parsed {
  const parsed = v.safeParse(workflowSchema, entry.value);
  if (!parsed.success) {
    return refuse([...earlier, ...parsed.issues.map((issue) => fromIssue(entry, issue))]);
  }
  const problems = [...earlier];
  const workflow = assemble(parsed.output, {
    report: (path, message, remedy, code = "SPEC_INVALID") =>
      problems.push({ ...newProblem(entry, path, message, remedy), code }),
    warn: (path, message) => problems.push({ ...newProblem(entry, path, message, ""), severity: "warning" }),
    fromIssues: (path, issues) => problems.push(...issues.map((issue) => fromIssue(entry, issue, path))),
  });
  return problems.some((problem) => problem.severity === "error") ? refuse(problems) : { workflow, problems };
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

/** `steps[2].container.image` (F-29). */
export function formatPath(path: Path): string {
  return path.map((part, index) => typeof part === "number" ? `[${part}]` : index === 0 ? part : `.${part}`)
    .join("");
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
