/** How the fields of a document fit together: identity, order, and what each step's work is. */
import type * as v from "valibot";
import type { Path } from "./document.ts";
import type { ProblemCode } from "./problem.ts";
import type { WrittenStep } from "./schema/step.ts";
import type { WrittenWorkflow } from "./schema/workflow.ts";
import { readAction } from "./step-action.ts";
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
  const names = steps.map((step, index) => step.name ?? step.id ?? generatedName(step, index));
  const isChain = written.type === "chain";
  checkIdentity(steps, names, findings);
  return steps.map((step, index) => {
    const path = ["steps", index];
    if (isChain && step.depends !== null) {
      findings.report(
        [...path, "depends"],
        "depends field is not allowed in type: chain",
        "steps of a chain run in written order",
      );
    }
    const previous = names[index - 1];
    const depends = isChain
      ? previous === undefined ? [] : [previous]
      : readDepends(step, steps, names, [...path, "depends"], findings);
    return newStep(step, names[index] ?? "", depends, written, path, findings);
  });
}

/** S-08: never relied on across edits. */
function generatedName(step: WrittenStep, index: number): string {
  const isScript = step.run !== null && !step.run.isList && (step.run.texts[0] ?? "").includes("\n");
  const prefix = step.action === null ? isScript ? "script" : "cmd" : step.action.replaceAll(".", "_");
  return `${prefix}_${index + 1}`;
}

const RESERVED_IDS = ["env", "params", "args", "stdout", "stderr", "output", "outputs"];

function checkId(step: WrittenStep, path: Path, findings: Findings): void {
  const { id } = step;
  if (id === null) return;
  const at = [...path, "id"];
  if (new TextEncoder().encode(id).length > 40) {
    findings.report(at, "step ID must be at most 40 bytes", "shorten the id");
  } else if (!/^[A-Za-z][A-Za-z0-9_]*$/.test(id)) {
    findings.report(at, `invalid step ID format: "${id}"`, "a letter, then letters, digits and _");
  } else if (RESERVED_IDS.includes(id.toLowerCase())) {
    findings.report(at, `step ID "${id}" is a reserved word`, "choose another id");
  }
}

function checkIdentity(steps: readonly WrittenStep[], names: readonly string[], findings: Findings): void {
  const ids = new Set<string>();
  const seen = new Set<string>();
  steps.forEach((step, index) => {
    const path = ["steps", index];
    checkId(step, path, findings);
    if (step.id !== null && ids.has(step.id)) {
      findings.report([...path, "id"], `duplicate step ID: ${step.id}`, "ids are unique in a document");
    }
    if (step.id !== null) ids.add(step.id);
    const name = names[index] ?? "";
    if (new TextEncoder().encode(name).length > 255) {
      findings.report([...path, "name"], "step name must be at most 255 bytes", "shorten the name");
    }
    if (seen.has(name) && step.name !== null) {
      findings.report([...path, "name"], `step name must be unique: "${name}"`, "rename one of the steps");
    }
    seen.add(name);
  });
  steps.forEach((step, index) => {
    const other = steps.findIndex((one, at) => at !== index && step.id !== null && one.name === step.id);
    if (other !== -1) {
      findings.report(
        ["steps", index, "id"],
        `step ID "${step.id}" conflicts with the name of another step`,
        "rename one of them",
      );
    }
  });
}

/** Names of the upstream steps; entries match an id or a name exactly (S-13, S-14). */
function readDepends(
  step: WrittenStep,
  steps: readonly WrittenStep[],
  names: readonly string[],
  path: Path,
  findings: Findings,
): string[] {
  return [...new Set(step.depends ?? [])].flatMap((entry, position) => {
    const index = steps.findIndex((one, at) => one.id === entry || names[at] === entry);
    const name = names[index];
    if (name !== undefined) return [name];
    const known = names.join(", ");
    findings.report(
      [...path, position],
      `depends on non-existent step "${entry}"`,
      `steps of this workflow: ${known}`,
    );
    return [];
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
  for (const field of step.deprecated) {
    const at = field === "" ? path : [...path, field];
    findings.warn(
      at,
      field === ""
        ? "Deprecated DAG syntax: string shorthand is deprecated; use run"
        : `Deprecated DAG syntax: ${field} is deprecated; use run`,
    );
  }
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
