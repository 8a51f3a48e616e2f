/** What references in a run's fields can see: the run's scope, and on top of it each step's (V-34, V-35). */
import { ancestorsOf } from "../workflow/graph.ts";
import { resolveConsts, resolveEnv } from "../workflow/inputs.ts";
import { parseJson } from "../workflow/json.ts";
import { type Published, resolveText, type Scope } from "../workflow/reference.ts";
import type { Step, Workflow } from "../workflow/workflow.ts";
import type { RunInputs } from "./inputs.ts";
import type { StepFiles } from "./ports.ts";
import { type PushBackFacts, pushBackFacts } from "./push-back.ts";
import { findStep, type RunState, type StepState } from "./state.ts";

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
    imported: inputs.imported,
    published: () => null,
    context: runFacts(inputs, startedAt),
  };
  const rootEnv = resolveEnv(workflow.env, base, "host");
  return { ...base, env: { ...base.env, ...rootEnv, ...managed } };
}

/** The scope of every step: dotenv values beat root env, the managed ones beat both, secrets beat all (V-34). */
export function withDotenv(run: Scope, inputs: RunInputs, dotenv: Readonly<Record<string, string>>): Scope {
  return { ...run, env: { ...run.env, ...dotenv, ...managedVariables(inputs), ...inputs.secrets } };
}

/** The run's `working_dir`; null: there is none, or it hangs on what the scope cannot tell yet. */
export function knownWorkingDir({ workingDir }: Workflow, scope: Scope): string | null {
  const known = workingDir === null ? null : resolveText(workingDir, scope, "scope");
  return known?.includes("${") === true ? null : known;
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
  /** The log of the try of this approval that was sent back; null: it is not at hand. */
  previousStdout(approval: string): string | null;
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
  const index = indexOf(steps);
  // The way up a long chain is long, and few steps ask what is there.
  const ancestors = lazy(() => ancestorsOf(step.name, steps));
  const isAncestor = lazy(() => new Set(ancestors()));
  const own = (id: string): Published | null => {
    const name = index.byId.get(id);
    const done = name === undefined || !isAncestor().has(name) ? undefined : findStep(state, name);
    return done === undefined ? null : publishedBy(done, places);
  };
  return withEnv(run, step, {
    published: (id) => own(id) ?? run.published(id),
    variables: index.hasVariables ? variablesOf(ancestors(), state) : {},
    facts,
    pushBack: pushBackFacts(state, step.name, (approval) => places.previousStdout(approval)),
  }, places);
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
  const { byId } = indexOf(steps);
  const waiting = state.steps.filter((step) => step.status === "waiting").map((step) => step.name);
  return withEnv(run, handler, {
    published: (id) => {
      const done = findStep(state, byId.get(id) ?? "");
      return done === undefined ? null : { outputs: {}, properties: publishedBy(done, places).properties };
    },
    variables: {
      ...variablesOf([...steps.keys()], state),
      DAG_RUN_STATUS: status,
      ...(status === "waiting" ? { DAG_WAITING_STEPS: waiting.join(",") } : {}),
    },
    facts: { "step.name": handler.name, "run.status": status },
    pushBack: null,
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
  readonly published: Scope["published"];
  readonly variables: Readonly<Record<string, string>>;
}

interface StepIndex {
  readonly byId: ReadonlyMap<string, string>;
  /** Some step captures a variable, or has an approver give some. */
  readonly hasVariables: boolean;
}

const stepIndexes = new WeakMap<ReadonlyMap<string, Step>, StepIndex>();

function indexOf(steps: ReadonlyMap<string, Step>): StepIndex {
  const known = stepIndexes.get(steps);
  if (known !== undefined) return known;
  const all = [...steps.values()];
  const index = {
    byId: new Map(all.flatMap(({ id, name }) => id === null ? [] : [[id, name] as const])),
    hasVariables: all.some((step) => step.output !== null || step.approval !== null),
  };
  stepIndexes.set(steps, index);
  return index;
}

/** What the named steps captured; of one name, the last in this order counts (V-43). */
function variablesOf(names: readonly string[], state: RunState): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const name of names) Object.assign(variables, findStep(state, name)?.variables);
  return variables;
}

function lazy<T>(make: () => T): () => T {
  let made: { readonly value: T } | null = null;
  return () => (made ??= { value: make() }).value;
}

function withEnv(
  run: Scope,
  step: Step,
  own: Upstream & {
    readonly facts: Readonly<Record<string, string>>;
    readonly pushBack: PushBackFacts | null;
  },
  places: Places,
): StepScope {
  const managed = {
    DAG_RUN_STEP_NAME: places.title,
    ...own.variables,
    ...own.pushBack?.inputs,
    ...own.pushBack?.env,
  };
  const outer: Scope = {
    ...run,
    published: own.published,
    variables: own.variables,
    context: { ...run.context, ...own.facts, ...own.pushBack?.facts, ...filesFacts(places.files, step) },
    env: { ...run.env, ...managed },
  };
  const inner = { ...outer, env: { ...outer.env, ...resolveEnv(step.env, outer, "scope") } };
  const workingDir = step.workingDir === null ? null : resolveText(step.workingDir, inner, "scope");
  const placed = {
    ...outer,
    env: { ...run.env, PWD: places.stepDir(workingDir), ...managed },
  };
  const stepEnv = resolveEnv(step.env, placed, "scope");
  // Nobody overrides what a push-back tells, or the files of a try, which step `env` does not see (V-38).
  const env = { ...placed.env, ...stepEnv, ...own.pushBack?.env, ...filesEnv(places.files, step) };
  return { scope: { ...placed, env }, stepEnv, workingDir };
}

function filesFacts(files: StepFiles | null, { place }: Step): Record<string, string> {
  return files === null ? {} : {
    "paths.step_stdout_file": files.stdout,
    "paths.step_stderr_file": files.stderr,
    ...(place === "host" ? { "paths.step_output_file": files.output } : {}),
  };
}

/** A container cannot reach the output file: its path would lead a command astray (containers contract 3.6.2, 3.9.6). */
function filesEnv(files: StepFiles | null, { place }: Step): Record<string, string> {
  return files === null ? {} : {
    DAG_RUN_STEP_STDOUT_FILE: files.stdout,
    DAG_RUN_STEP_STDERR_FILE: files.stderr,
    ...(place === "host" ? { DAGU_OUTPUT_FILE: files.output } : {}),
  };
}

function publishedBy(step: StepState, places: Places): Published {
  const outputs = { ...objectTexts(step), ...step.outputs };
  return { outputs, properties: propertiesOf(step, outputs, places) };
}

/** The short forms of V-46. */
function propertiesOf(
  step: StepState,
  outputs: Readonly<Record<string, string>>,
  places: Places,
): Record<string, string> {
  const properties: Record<string, string> = {};
  const captured = Object.values(step.variables)[0];
  if (Object.keys(step.object).length > 0) properties["output"] = objectJson(step);
  else if (captured !== undefined) properties["output"] = captured;
  for (const [name, value] of Object.entries(outputs)) properties[`outputs.${name}`] = value;
  if (step.exitCode !== null) properties["exit_code"] = String(step.exitCode);
  const logs = places.logsOf(step.name);
  if (logs !== null) {
    properties["stdout"] = logs.stdout;
    properties["stderr"] = logs.stderr;
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
