/** How the fields of a document fit together: identity, order, and what each step's work is. */
import type * as v from "valibot";
import { formatPath, type Path } from "./document.ts";
import { chainDepends, checkId, checkIdentity, newTargets, readDepends } from "./identity.ts";
import type { ProblemCode } from "./problem.ts";
import type { WrittenStep } from "./schema/step.ts";
import type { WrittenWorkflow } from "./schema/workflow.ts";
import { checkProviders, readAction } from "./step-action.ts";
import type { HandlerName, Step, Workflow } from "./workflow.ts";

/** Where rules tell what they found. */
export interface Findings {
  report(path: Path, message: string, remedy: string, code?: ProblemCode): void;
  warn(path: Path, message: string): void;
  fromIssues(path: Path, issues: readonly v.BaseIssue<unknown>[]): void;
}

const DEFAULT_MAX_OUTPUT = 1_048_576;

/** The typed workflow; meaningless when something was reported. */
export function assemble(written: WrittenWorkflow, findings: Findings): Workflow {
  if (written.labels !== undefined && written.tags !== undefined) {
    findings.report(["tags"], "labels and deprecated tags cannot both be set", "keep labels");
  }
  if (written.max_active_runs !== undefined && written.max_active_runs !== 1 && written.queue === undefined) {
    findings.warn(["max_active_runs"], "max_active_runs is deprecated; use a queue");
  }
  if (written.harness !== undefined) checkProviders(written.harness, ["harness"], written, findings);
  return {
    name: written.name ?? null,
    description: written.description ?? null,
    type: written.type ?? "graph",
    params: written.params ?? { entries: [] },
    consts: written.consts ?? [],
    env: written.env ?? [],
    workingDir: written.working_dir ?? null,
    shell: written.shell === undefined ? null : [...written.shell, ...(written.shell_args ?? [])],
    container: written.container ?? null,
    resources: written.resources ?? { cpu: null, memoryBytes: null },
    harnesses: written.harnesses ?? {},
    harness: written.harness ?? null,
    preconditions: written.preconditions ?? [],
    handlers: readHandlers(written, findings),
    steps: readSteps(written, findings),
    maxActiveSteps: written.max_active_steps ?? null,
    maxActiveRuns: written.max_active_runs ?? null,
    queue: written.queue ?? null,
    labels: written.labels ?? written.tags ?? [],
    timeoutSec: written.timeout_sec ?? 0,
    maxCleanUpTimeSec: written.max_clean_up_time_sec ?? 5,
    maxOutputSize: written.max_output_size === undefined || written.max_output_size === 0
      ? DEFAULT_MAX_OUTPUT
      : written.max_output_size,
    workerSelector: written.worker_selector ?? {},
    triggers: written.triggers ?? [],
    forwardHeaders: written.webhook ?? [],
  };
}

function readHandlers(written: WrittenWorkflow, findings: Findings): Workflow["handlers"] {
  const handlers: Partial<Record<HandlerName, Step>> = {};
  for (const name of ["init", "success", "failure", "abort", "exit"] as const) {
    const step = written.handler_on?.[name];
    if (step === undefined) continue;
    const path = ["handler_on", name];
    checkId(step, path, findings);
    handlers[name] = newStep(step, step.name ?? step.id ?? name, [], written, path, findings);
  }
  return handlers;
}

// ---- steps ------------------------------------------------------------------------------------------------------

function readSteps(written: WrittenWorkflow, findings: Findings): Step[] {
  const steps = written.steps ?? [];
  const names = checkIdentity(steps, findings);
  const targets = newTargets(steps, names);
  return steps.map((step, index) => {
    const path = ["steps", index];
    const depends = written.type === "chain"
      ? chainDepends(step, names[index - 1], path, findings)
      : readDepends(step, targets, [...path, "depends"], findings);
    return newStep(step, names[index] ?? "", depends, written, path, findings);
  });
}

function newStep(
  step: WrittenStep,
  name: string,
  depends: readonly string[],
  written: WrittenWorkflow,
  path: Path,
  findings: Findings,
): Step {
  warnOnDeprecated(step, path, findings);
  if (step.outputs.length > 0 && step.id === null) {
    findings.report([...path, "outputs"], "a step with outputs must define id", "add id: NAME");
  }
  const { action, place } = readAction(step, written, path, findings);
  return {
    id: step.id,
    name,
    description: step.description,
    action,
    depends,
    env: step.env,
    workingDir: step.workingDir,
    container: step.container,
    place,
    output: step.output,
    outputs: step.outputs,
    timeoutSec: step.timeoutSec,
    signalOnStop: step.signalOnStop,
    retry: step.retry,
    continueOn: step.continueOn,
    preconditions: step.preconditions,
  };
}

function warnOnDeprecated(step: WrittenStep, path: Path, findings: Findings): void {
  for (const field of step.deprecated) {
    const at = field === "" ? path : [...path, field];
    const what = field === "" ? "string shorthand is deprecated" : "is deprecated";
    findings.warn(at, `Deprecated DAG syntax: ${formatPath(at)} ${what}; use run`);
  }
}
