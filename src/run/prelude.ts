/** What has to be known before the first step: the run's scope, whole (workflow-language contract 5.2, point 1). */
import { DEFAULT_DOTENV } from "../workflow/dotenv.ts";
import { resolveText, type Scope } from "../workflow/reference.ts";
import type { Workflow } from "../workflow/workflow.ts";
import { evaluateParams } from "./evaluate.ts";
import type { Failure } from "./failure.ts";
import type { RunInputs } from "./inputs.ts";
import { isFailure } from "./outcome.ts";
import type { RunPorts } from "./ports.ts";
import { newRunScope, withDotenv } from "./scope.ts";

export interface Prelude {
  readonly scope: Scope;
  /** What was wrong with dotenv files or with an `eval` that has a default; the run goes on. */
  readonly warnings: readonly string[];
}

/** `startedAt`: the attempt's start, epoch ms. */
export async function openPrelude(
  workflow: Workflow,
  given: RunInputs,
  ports: RunPorts,
  startedAt: number,
  signal: AbortSignal,
): Promise<Prelude | Failure> {
  const evaluated = await evaluateParams(workflow, given, ports.checks, startedAt, signal);
  if (isFailure(evaluated)) return evaluated;
  const inputs = { ...given, params: evaluated.params };
  const first = newRunScope(workflow, inputs, startedAt);
  if (workflow.dotenv !== null && workflow.dotenv.length === 0) {
    return { scope: withDotenv(first, inputs, {}), warnings: evaluated.warnings };
  }
  const named = (workflow.dotenv ?? []).map((path) => resolveText(path, first, "host"));
  const workingDir = workflow.workingDir === null ? null : resolveText(workflow.workingDir, first, "scope");
  const paths = [...new Set([DEFAULT_DOTENV, ...named])];
  const { values, warnings } = await ports.surroundings.dotenv(paths, workingDir, first.env);
  return { scope: withDotenv(first, inputs, values), warnings: [...evaluated.warnings, ...warnings] };
}
