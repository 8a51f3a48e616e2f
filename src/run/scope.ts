/** What references in a run's fields can see: the run's scope, and on top of it each step's (V-34, V-35). */
import { ancestorsOf } from "../workflow/graph.ts";
import { resolveConsts, resolveEnv } from "../workflow/inputs.ts";
import { parseJson } from "../workflow/json.ts";
import { resolveText, type Scope } from "../workflow/reference.ts";
import type { Step, Workflow } from "../workflow/workflow.ts";
import type { RunInputs } from "./inputs.ts";
import type { StepFiles } from "./ports.ts";
import type { RunState, StepState } from "./state.ts";

const ENVIRONMENT_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * What root fields see before dotenv files and secrets are known. `startedAt` is the attempt's start, epoch ms. A root env
 * entry with a protected name is visible to later root entries only: processes get the managed value (V-36).
 */
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
  const rootEnv = resolveEnv(workflow.env, base, "host");
  return { ...base, env: { ...base.env, ...rootEnv, ...managed } };
}

/** The scope of every step: dotenv values beat root env, the managed ones beat both, secrets beat all (V-34). */
export function withDotenv(run: Scope, inputs: RunInputs, dotenv: Readonly<Record<string, string>>): Scope {
  return { ...run, env: { ...run.env, ...dotenv, ...managedVariables(inputs), ...inputs.secrets } };
}

/** Where a step's try takes place, asked of the runner. */
export interface Places {
  /** What the step is called where its author looks. */
  readonly title: string;
  stepDir(workingDir: string | null): string;
  /** null: this scope is not of a try (preconditions, handlers' files stay out of sight). */
  readonly files: StepFiles | null;
  /** Paths of the logs of a step that was executed in this attempt. */
  logsOf(step: string): Pick<StepFiles, "stdout" | "stderr"> | null;
}

/**
 * The scope of a step's own fields: the run's, the output variables and declared outputs of its ancestors, its `env`.
 */
export function newStepScope(
  run: Scope,
  step: Step,
  steps: ReadonlyMap<string, Step>,
  state: RunState,
  places: Places,
): StepScope {
  const facts = { "step.name": places.title, ...(step.id === null ? {} : { "step.id": step.id }) };
  const upstream = readUpstream(ancestorsOf(step.name, steps), steps, state, places);
  return withEnv(run, step, { ...upstream, facts }, places);
}

/** Handlers see the output variables of every executed step and the run's status, but no `${steps.*}` (R-15, R-16). */
export function newHandlerScope(
  run: Scope,
  handler: Step,
  steps: ReadonlyMap<string, Step>,
  state: RunState,
  status: string,
  places: Places,
): StepScope {
  const { variables, properties } = readUpstream([...steps.keys()], steps, state, places);
  const waiting = state.steps.filter((step) => step.status === "waiting").map((step) => step.name);
  return withEnv(run, handler, {
    outputs: {},
    properties,
    variables: {
      ...variables,
      DAG_RUN_STATUS: status,
      ...(status === "waiting" ? { DAG_WAITING_STEPS: waiting.join(",") } : {}),
    },
    facts: { "step.name": handler.name, "run.status": status },
  }, { ...places, files: null });
}

export interface StepScope {
  readonly scope: Scope;
  /** Step `env`, resolved. */
  readonly stepEnv: Readonly<Record<string, string>>;
  /** Resolved `working_dir` as text; null: the run's. */
  readonly workingDir: string | null;
}

interface Upstream {
  readonly outputs: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly properties: Readonly<Record<string, string>>;
  readonly variables: Readonly<Record<string, string>>;
}

/** What the named steps published; of one name, the last in this order counts (V-43). */
function readUpstream(
  names: readonly string[],
  steps: ReadonlyMap<string, Step>,
  state: RunState,
  places: Places,
): Upstream {
  const outputs: Record<string, Record<string, string>> = {};
  const properties: Record<string, string> = {};
  const variables: Record<string, string> = {};
  const states = indexStates(state);
  for (const name of names) {
    const done = states.get(name);
    if (done === undefined) continue;
    Object.assign(variables, done.variables);
    const id = steps.get(name)?.id ?? null;
    if (id === null) continue;
    outputs[id] = { ...objectTexts(done), ...done.outputs };
    Object.assign(properties, propertiesOf(id, done, places));
  }
  return { outputs, properties, variables };
}

function withEnv(
  run: Scope,
  step: Step,
  own: Upstream & { readonly facts: Readonly<Record<string, string>> },
  places: Places,
): StepScope {
  const outer: Scope = {
    ...run,
    outputs: { ...run.outputs, ...own.outputs },
    properties: { ...run.properties, ...own.properties },
    variables: own.variables,
    context: { ...run.context, ...own.facts, ...filesFacts(places.files) },
    env: { ...run.env, DAG_RUN_STEP_NAME: places.title, ...own.variables },
  };
  const inner = { ...outer, env: { ...outer.env, ...resolveEnv(step.env, outer, "scope") } };
  const workingDir = step.workingDir === null ? null : resolveText(step.workingDir, inner, "scope");
  const placed = {
    ...outer,
    env: { ...run.env, PWD: places.stepDir(workingDir), DAG_RUN_STEP_NAME: places.title, ...own.variables },
  };
  const stepEnv = resolveEnv(step.env, placed, "scope");
  // Nobody overrides the files of a try, and step `env` does not see them (V-38).
  const env = { ...placed.env, ...stepEnv, ...filesEnv(places.files) };
  return { scope: { ...placed, env }, stepEnv, workingDir };
}

function filesFacts(files: StepFiles | null): Record<string, string> {
  return files === null ? {} : {
    "paths.step_stdout_file": files.stdout,
    "paths.step_stderr_file": files.stderr,
    "paths.step_output_file": files.output,
  };
}

function filesEnv(files: StepFiles | null): Record<string, string> {
  return files === null ? {} : {
    DAG_RUN_STEP_STDOUT_FILE: files.stdout,
    DAG_RUN_STEP_STDERR_FILE: files.stderr,
    DAGU_OUTPUT_FILE: files.output,
  };
}

/** The short forms of V-46. */
function propertiesOf(id: string, step: StepState, places: Places): Record<string, string> {
  const properties: Record<string, string> = {};
  const captured = Object.values(step.variables)[0];
  const object = Object.entries(step.object);
  if (object.length > 0) properties[`${id}.output`] = objectJson(step);
  else if (captured !== undefined) properties[`${id}.output`] = captured;
  for (const [name, value] of Object.entries({ ...objectTexts(step), ...step.outputs })) {
    properties[`${id}.outputs.${name}`] = value;
  }
  if (step.exitCode !== null) properties[`${id}.exit_code`] = String(step.exitCode);
  const logs = places.logsOf(step.name);
  if (logs !== null) {
    properties[`${id}.stdout`] = logs.stdout;
    properties[`${id}.stderr`] = logs.stderr;
  }
  return properties;
}

function objectJson(step: StepState): string {
  return `{${Object.entries(step.object).map(([key, json]) => `${JSON.stringify(key)}:${json}`).join(",")}}`;
}

/** Texts bare, everything else as JSON. */
function objectTexts(step: StepState): Record<string, string> {
  return Object.fromEntries(
    Object.entries(step.object).map(([key, json]) => {
      const value = parseJson(json);
      return [key, typeof value === "string" ? value : json];
    }),
  );
}

function indexStates(state: RunState): ReadonlyMap<string, StepState> {
  return new Map(state.steps.map((step) => [step.name, step]));
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
    ...(inputs.paths.artifactsDir === null ? {} : { DAG_RUN_ARTIFACTS_DIR: inputs.paths.artifactsDir }),
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
    ...(inputs.paths.artifactsDir === null ? {} : { "paths.artifacts_dir": inputs.paths.artifactsDir }),
    ...(inputs.root === null
      ? {}
      : { "run.root_name": inputs.root.name, "run.root_id": inputs.root.dagRunId }),
    ...(inputs.triggerActor === "" ? {} : { "trigger.actor": inputs.triggerActor }),
    ...(inputs.scheduleTime === ""
      ? {}
      : { "run.scheduled_at": utcSeconds(Date.parse(inputs.scheduleTime)) }),
    ...eventFacts(inputs.env),
  };
}

/** `2026-04-02T06:30:00Z` (X-02). */
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
