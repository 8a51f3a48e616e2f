/** What references in a run's fields can see: the run's scope, and on top of it each step's (V-34, V-35). */
import { ancestorsOf } from "../workflow/graph.ts";
import { resolveConsts, resolveEnv } from "../workflow/inputs.ts";
import type { Scope } from "../workflow/reference.ts";
import type { Step, Workflow } from "../workflow/workflow.ts";
import type { RunInputs } from "./inputs.ts";
import { findStep, type RunState, type StepState } from "./state.ts";

const ENVIRONMENT_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** The scope of root fields. `startedAt` is the attempt's start, epoch ms. */
export function newRunScope(workflow: Workflow, inputs: RunInputs, startedAt: number): Scope {
  const managed = managedVariables(inputs);
  const base: Scope = {
    consts: resolveConsts(workflow.consts),
    params: inputs.params.values,
    paramsJson: inputs.params.json,
    env: { ...namedParams(inputs.params.values), ...inputs.env, ...managed },
    host: inputs.host,
    outputs: {},
    context: runFacts(inputs, startedAt),
  };
  // A root env entry with a protected name is visible to later root entries only; processes get the managed value (V-36).
  const rootEnv = resolveEnv(workflow.env, base, "host");
  return { ...base, env: { ...base.env, ...rootEnv, ...managed } };
}

/**
 * The scope of a step's own fields: the run's, the output variables and declared outputs of its ancestors, its `env`.
 */
export function newStepScope(run: Scope, step: Step, steps: readonly Step[], state: RunState): StepScope {
  const ancestors = ancestorsOf(step.name, steps);
  const outputs: Record<string, Record<string, string>> = {};
  const properties: Record<string, string> = {};
  const variables: Record<string, string> = {};
  const byName = new Map(steps.map((other) => [other.name, other]));
  for (const name of ancestors) {
    const done = findStep(state, name);
    if (done === undefined) continue;
    Object.assign(variables, done.variables);
    const id = byName.get(name)?.id ?? null;
    if (id === null) continue;
    outputs[id] = done.outputs;
    Object.assign(properties, propertiesOf(id, done));
  }
  const facts = { "step.name": step.name, ...(step.id === null ? {} : { "step.id": step.id }) };
  return withEnv(run, step, { outputs, properties, variables, facts });
}

/** Handlers see the output variables of every executed step and the run's status, but no `${steps.*}`. */
export function newHandlerScope(
  run: Scope,
  handler: Step,
  steps: readonly Step[],
  state: RunState,
  status: string,
): StepScope {
  const variables: Record<string, string> = { DAG_RUN_STATUS: status };
  const properties: Record<string, string> = {};
  for (const step of steps) {
    const done = findStep(state, step.name);
    if (done === undefined) continue;
    Object.assign(variables, done.variables);
    if (step.id !== null) Object.assign(properties, propertiesOf(step.id, done));
  }
  return withEnv(run, handler, {
    outputs: {},
    properties,
    variables,
    facts: { "step.name": handler.name, "run.status": status },
  });
}

export interface StepScope {
  readonly scope: Scope;
  /** Step `env`, resolved. */
  readonly stepEnv: Readonly<Record<string, string>>;
}

interface StepFacts {
  readonly outputs: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly properties: Readonly<Record<string, string>>;
  readonly variables: Readonly<Record<string, string>>;
  readonly facts: Readonly<Record<string, string>>;
}

function withEnv(run: Scope, step: Step, own: StepFacts): StepScope {
  const scope: Scope = {
    ...run,
    outputs: own.outputs,
    properties: own.properties,
    context: { ...run.context, ...own.facts },
    env: { ...run.env, DAG_RUN_STEP_NAME: step.name, ...own.variables },
  };
  const stepEnv = resolveEnv(step.env, scope, "scope");
  return { scope: { ...scope, env: { ...scope.env, ...stepEnv } }, stepEnv };
}

function propertiesOf(id: string, step: StepState): Record<string, string> {
  const properties: Record<string, string> = {};
  const captured = Object.values(step.variables)[0];
  if (captured !== undefined) properties[`${id}.output`] = captured;
  for (const [name, value] of Object.entries(step.outputs)) properties[`${id}.outputs.${name}`] = value;
  if (step.exitCode !== null) properties[`${id}.exit_code`] = String(step.exitCode);
  return properties;
}

/** Positional parameters are not environment names (P-14). */
function namedParams(values: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).filter(([name]) => ENVIRONMENT_NAME.test(name)));
}

function managedVariables(inputs: RunInputs): Record<string, string> {
  return {
    DAG_NAME: inputs.name,
    DAG_RUN_ID: inputs.dagRunId,
    DAG_RUN_LOG_FILE: inputs.paths.logFile,
    DAG_RUN_WORK_DIR: inputs.paths.workDir,
    DAG_PARAMS_JSON: inputs.params.json,
    DAGU_PARAMS_JSON: inputs.params.json,
  };
}

function runFacts(inputs: RunInputs, startedAt: number): Record<string, string> {
  return {
    "dag.name": inputs.name,
    "run.id": inputs.dagRunId,
    "attempt.id": inputs.attemptId,
    "attempt.started_at": utcSeconds(startedAt),
    "trigger.type": inputs.triggerType,
    "paths.log_file": inputs.paths.logFile,
    "paths.work_dir": inputs.paths.workDir,
    ...(inputs.triggerActor === "" ? {} : { "trigger.actor": inputs.triggerActor }),
    ...(inputs.scheduleTime === ""
      ? {}
      : { "run.scheduled_at": utcSeconds(Date.parse(inputs.scheduleTime)) }),
    ...eventFacts(inputs.env),
  };
}

/** `2026-04-02T06:30:00Z`. */
function utcSeconds(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, 19)}Z`;
}

/** `DAGU_EVENT_CLONE_URL` is `${context.event.cloneUrl}` (control-plane contract 2.6). */
function eventFacts(env: Readonly<Record<string, string>>): Record<string, string> {
  const facts: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (name === "DAGU_EVENT") facts["event.event"] = value;
    if (!name.startsWith("DAGU_EVENT_")) continue;
    const key = name.slice("DAGU_EVENT_".length).toLowerCase()
      .replace(/_([a-z])/g, (_match, letter: string) => letter.toUpperCase());
    facts[`event.${key}`] = value;
  }
  return facts;
}
