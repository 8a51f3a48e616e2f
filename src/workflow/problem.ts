/** Where in a YAML stream something stands. Lines and columns start at 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Closed set of reasons for which a definition is refused. `SPEC_INVALID` is the general one. */
export type ProblemCode =
  | "YAML_INVALID"
  | "SPEC_INVALID"
  | "MOUNT_INVALID"
  | "IMAGE_REFERENCE_INVALID";

/** One mistake in a definition. `severity: "warning"` never stops a run (deprecated spellings, notices). */
export interface Problem {
  readonly code: ProblemCode;
  readonly severity: "error" | "warning";
  /** Field path: dots for keys, `[n]` zero-based for lists (F-29), for example `steps[2].container.image`. Empty for the stream. */
  readonly path: string;
  readonly position: Position | null;
  /** What is wrong, naming the field and quoting a short value. */
  readonly message: string;
  /** What would be right. */
  readonly remedy: string;
  /** Of a reference that stays as it is (2.11): `runtime-only` ones are told only to who asks for them. */
  readonly notice?: "defect" | "runtime-only";
}

/** What is wrong, each as a line; warnings are left out. */
export function errorLines(problems: readonly Problem[], file: string): string[] {
  return problems.filter(({ severity }) => severity === "error").map((one) => formatProblem(one, file));
}

/** `FILE:LINE:COLUMN: PATH: MESSAGE (REMEDY)`: the same line in the CLI, the API and the page. */
export function formatProblem(problem: Problem, file: string): string {
  const place = problem.position === null
    ? file
    : `${file}:${problem.position.line}:${problem.position.column}`;
  const path = problem.path === "" ? "" : `${problem.path}: `;
  const remedy = problem.remedy === "" ? "" : ` (${problem.remedy})`;
  return `${place}: ${path}${problem.message}${remedy}`;
}
