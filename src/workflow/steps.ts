/** Steps and handlers: who they are, in which order they run, what each takes from the workflow's `defaults`. */
import type { Findings } from "./assemble.ts";
import { formatPath, type Path } from "./document.ts";
import {
  chainDepends,
  checkId,
  checkIdentity,
  checkName,
  newTargets,
  type PlacedStep,
  readDepends,
} from "./identity.ts";
import { injectRoutes, refuseRouting } from "./router.ts";
import type { WrittenStep } from "./schema/step.ts";
import type { WrittenWorkflow } from "./schema/workflow.ts";
import { readAction } from "./step-action.ts";
import { checkHumanTask, readRewinds, refuseWaiting } from "./step-waiting.ts";
import { NO_CONTINUE } from "./schema/policies.ts";
import type { HandlerName, Step, Workflow } from "./workflow.ts";

const HANDLERS = ["init", "success", "failure", "abort", "exit", "wait"] as const;

export function readHandlers(written: WrittenWorkflow, findings: Findings): Workflow["handlers"] {
  const handlers: Partial<Record<HandlerName, Step>> = {};
  for (const name of HANDLERS) {
    const step = written.handler_on?.[name];
    if (step === undefined) continue;
    const path = ["handler_on", name];
    checkId(step, path, findings);
    checkName(step, path, findings);
    const place = `handler_on.${name}`;
    if (refuseWaiting(step, place, path, findings) || refuseRouting(step, place, path, findings)) continue;
    handlers[name] = newStep(step, step.name ?? step.id ?? name, [], {
      written,
      path,
      findings,
      isBody: false,
    });
  }
  return handlers;
}

export function readSteps(written: WrittenWorkflow, findings: Findings): readonly Step[] {
  const placed = placeSteps(written.steps ?? [], ["steps"]);
  const names = checkIdentity(placed, findings);
  const targets = newTargets(placed, names);
  const isChain = written.type === "chain";
  const steps = placed.map(({ step, path, group }, index) => {
    const depends = isChain
      ? chainDepends(step, namesOf(placed, names, group - 1), path, findings)
      : readDepends(step, targets, [...path, "depends"], findings);
    return newStep(step, names[index] ?? "", depends, { written, path, findings, isBody: false });
  });
  const routed = injectRoutes(steps, placed, targets, isChain, findings);
  return readRewinds(routed, placed, targets, findings);
}

/** Groups are flat from here on; in a chain they share a predecessor (S-02). */
function placeSteps(steps: readonly (WrittenStep | readonly WrittenStep[])[], at: Path): PlacedStep[] {
  return steps.flatMap((item, group) =>
    isGroup(item)
      ? item.map((step, index) => ({ step, path: [...at, group, index], group }))
      : [{ step: item, path: [...at, group], group }]
  );
}

function isGroup(item: WrittenStep | readonly WrittenStep[]): item is readonly WrittenStep[] {
  return Array.isArray(item);
}

function namesOf(placed: readonly PlacedStep[], names: readonly string[], group: number): string[] {
  return placed.flatMap((one, index) => one.group === group ? [names[index] ?? ""] : []);
}

export interface StepPlace {
  readonly written: WrittenWorkflow;
  readonly path: Path;
  readonly findings: Findings;
  /** In a foreach body `defaults` do not apply (S-113). */
  readonly isBody: boolean;
}

function newStep(step: WrittenStep, name: string, depends: readonly string[], place: StepPlace): Step {
  const { written, path, findings } = place;
  warnOnDeprecated(step, path, findings);
  if (step.written.has("dependencies")) {
    findings.warn(
      [...path, "dependencies"],
      "dependencies has no effect: this version sends no files to other runners; fetch them in a step",
    );
  }
  if (step.isRepeatIdle) {
    findings.warn(
      [...path, "repeat_policy"],
      "repeat_policy repeats nothing without repeat, condition or exit_code; for as long as the step succeeds, write repeat: true",
    );
  }
  if (step.outputs.length > 0 && step.id === null) {
    findings.report([...path, "outputs"], "a step with outputs must define id", "add id: NAME");
  }
  checkStreams(step, path, findings);
  checkHumanTask(step, path, findings);
  const isTask = step.action?.trim() === "human.task";
  const defaults = place.isBody ? {} : written.defaults ?? {};
  const { action, place: where } = readAction(
    step,
    written,
    path,
    findings,
    (body, at) => readBody(body, { written, path: at, findings, isBody: true }),
  );
  if (step.outputs.length > 0 && where !== "host") {
    findings.report(
      [...path, "outputs"],
      "outputs cannot be written in a container: DAGU_OUTPUT_FILE is a file of the runner",
      "publish what the step prints, with output: NAME or stdout: {outputs: NAME}",
    );
  }
  return {
    id: step.id,
    name,
    description: step.description,
    action: action.name === "foreach" ? { ...action, defaultEnv: defaults.env?.length ?? 0 } : action,
    depends,
    env: [...(defaults.env ?? []), ...step.env],
    workingDir: step.workingDir,
    container: step.container,
    place: where,
    output: step.output,
    outputObject: step.outputObject,
    outputSchema: step.outputSchema,
    outputs: step.outputs,
    stdout: step.stdout,
    stderr: step.stderr,
    logOutput: step.logOutput ?? written.log_output ?? "separate",
    timeoutSec: step.timeoutSec ?? (isTask ? 0 : defaults.timeout_sec ?? 0),
    signalOnStop: step.signalOnStop ?? (isTask ? null : defaults.signal_on_stop ?? null),
    retry: step.retry ?? (isTask ? null : defaults.retry_policy ?? null),
    repeat: step.written.has("repeat_policy") || isTask ? step.repeat : defaults.repeat_policy ?? null,
    continueOn: step.continueOn ?? defaults.continue_on ?? NO_CONTINUE,
    preconditions: [...(defaults.preconditions ?? []), ...step.preconditions],
    mailOnError: step.mailOnError ?? (isTask ? false : defaults.mail_on_error ?? false),
    approval: step.approval,
  };
}

/** The steps of a foreach body depend on each other only, and are routed to by each other only (S-112, A-40). */
function readBody(body: readonly WrittenStep[], place: StepPlace): readonly Step[] {
  const placed = placeSteps(body, place.path);
  const names = checkIdentity(placed, place.findings);
  const targets = newTargets(placed, names);
  const outer = new Set(placeSteps(place.written.steps ?? [], ["steps"]).map(({ step }) => step.id));
  const steps = placed.map(({ step, path }, index) => {
    if (step.id !== null && outer.has(step.id)) {
      place.findings.report([...path, "id"], `duplicate step ID: ${step.id}`, "ids are unique in a document");
    }
    refuseWaiting(step, "foreach", path, place.findings);
    const depends = readDepends(step, targets, [...path, "depends"], place.findings);
    return newStep(step, names[index] ?? "", depends, { ...place, path });
  });
  return injectRoutes(steps, placed, targets, false, place.findings);
}

function checkStreams(step: WrittenStep, path: Path, findings: Findings): void {
  const { stdout, stderr } = step;
  const isSame = isSamePath(stdout.file, stderr.file) || isSamePath(stdout.artifact, stderr.artifact);
  if (isSame) {
    findings.report(
      [...path, "stderr"],
      "stdout and stderr must not name the same file",
      "write log_output: merged to have both in one log",
    );
  }
}

/** `./a//b` is `a/b`. Paths that links or references make the same are found when they are opened. */
function isSamePath(one: string | null, other: string | null): boolean {
  return one !== null && other !== null && plainPath(one) === plainPath(other);
}

function plainPath(path: string): string {
  return path.replaceAll(/\/(\.?\/)+/g, "/").replace(/^(\.\/)+/, "");
}

function warnOnDeprecated(step: WrittenStep, path: Path, findings: Findings): void {
  for (const { field, use } of step.deprecated) {
    const at = field === "" ? path : [...path, field];
    const what = field === "" ? "string shorthand is deprecated" : "is deprecated";
    findings.warn(at, `Deprecated DAG syntax: ${findings.prefix}${formatPath(at)} ${what}; ${use}`);
  }
}
