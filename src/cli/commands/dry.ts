import { absolute } from "../absolute.ts";
import { execute } from "../../run/execute.ts";
import { toBase62 } from "../../run/ids.ts";
import type { RunPorts } from "../../run/ports.ts";
import type { RunState, StepState } from "../../run/state.ts";
import { filterHostEnv, withoutServiceEnv } from "../../runner/actions/environment.ts";
import { addressText, readRuntime, type Runtime } from "../../runner/containers/runtime.ts";
import { MASK } from "../../runner/mask.ts";
import { isFailure } from "../../run/outcome.ts";
import { isInContainer, openPlan, PLANNED_SECRETS_DIR, type PlannedStep, planText } from "../dry-plan.ts";
import { newChecks } from "../../runner/checks.ts";
import { systemClock, systemIds } from "../../runner/clock.ts";
import { newSurroundings } from "../../runner/surroundings.ts";
import { bindParams, findLocked } from "../../workflow/inputs.ts";
import { withBase } from "../../workflow/base.ts";
import { isWorkflowName, tellNoWorkflowName } from "../../workflow/names.ts";
import { parseWorkflow } from "../../workflow/parse.ts";
import { errorLines } from "../../workflow/problem.ts";
import { NO_TARGET } from "../../workflow/schema/output.ts";
import { NO_CONTINUE } from "../../workflow/schema/policies.ts";
import type { Container, Step, Workflow } from "../../workflow/workflow.ts";
import { dirname } from "node:path";
import { type Command, type Context, UserError, writeErr, writeOut } from "../command.ts";
import { readBaseConfig } from "../base-config.ts";
import { openHome } from "../home.ts";
import { type Node, type RunDetails, timeOf } from "../run-json.ts";
import { readRunnerPolicy } from "../runner-policy.ts";
import { callerParamsOf, PROFILE_OPTION, refuseProfile } from "./submission.ts";
import { noteLines, summarize } from "../summary.ts";
import { readWorkflowFile } from "../workflow-file.ts";

export const command: Command = {
  usage: "dry FILE|NAME [-- PARAMS...]",
  summary:
    "Walks through a workflow: checks parameters, runs eval, looks at the workflow's preconditions, and marks every step\n" +
    "as succeeded without executing it. Nothing is stored. With --plan, what its containers would be asked of the engine\n" +
    "is printed instead, as JSON: the very requests, secrets masked, the runner's policy (DAGU_RUNNER_POLICY) applied.",
  examples: ["dagu dry report.yaml -- DATE=2026-04-02", "dagu dry --plan build.yaml"],
  options: {
    params: { type: "string", short: "p", value: "TEXT", help: 'parameters: "KEY=value ..." or JSON' },
    name: { type: "string", short: "N", value: "NAME", help: "workflow name for this run" },
    plan: { type: "boolean", help: "print the requests to the container engine; nothing is sent" },
    ...PROFILE_OPTION,
    "no-reuse": { type: "boolean", help: "accepted for build workflows" },
  },
  arguments: [1, 1],
  ownsInterrupts: true,
  run: async (context) => {
    refuseProfile(context.flags);
    const home = await openHome(context.env);
    const file = await readWorkflowFile(context.positionals[0] ?? "", home.dagsDir);
    const text = withBase(file.text, await readBaseConfig(context.env));
    const { workflow, problems } = parseWorkflow(text, "load");
    if (workflow === null) {
      const lines = errorLines(problems, file.path).map((line) => `- ${line}`);
      throw new UserError(`validation failed for ${file.path}\n${lines.join("\n")}`);
    }
    const bound = bindParams(workflow.params, callerParamsOf(context));
    if (!bound.ok) {
      throw new UserError(
        `validation failed for ${file.path}: parameter validation failed: ${bound.messages.join("; ")}`,
      );
    }
    const locked = findLocked(workflow, bound);
    if (locked !== null) throw new UserError(locked);
    const name = context.flags.text("name") ?? workflow.name ?? file.stem;
    if (!isWorkflowName(name)) throw new UserError(tellNoWorkflowName(name));
    const runtime = context.flags.has("plan") ? readRuntime(context.env) : null;
    if (runtime !== null && isFailure(runtime)) throw new UserError(`${runtime.message}: ${runtime.remedy}`);
    const { state, planned } = await walk(context, {
      workflow,
      name,
      params: bound,
      sourceDir: dirname(absolute(file.path)),
      runtime,
    });
    if (runtime !== null) writeOut(planText(runtime, addressText(runtime.address), planned));
    else if (!context.flags.has("quiet")) writeOut(summarize(toDetails(name, workflow, state)));
    for (const line of noteLines(state.notes)) writeErr(line);
    if (state.status !== "failed") return 0;
    writeErr(`failed to execute dag-run ${name}: ${state.failure?.message ?? state.status}`);
    return 1;
  },
};

interface Walk {
  readonly workflow: Workflow;
  readonly name: string;
  readonly params: Extract<ReturnType<typeof bindParams>, { ok: true }>;
  readonly sourceDir: string;
  /** The engine to plan for; null: no plan is wanted. */
  readonly runtime: Runtime | null;
}

interface Walked {
  readonly state: RunState;
  readonly planned: readonly PlannedStep[];
}

/** The run core itself, on a workflow whose steps do nothing. */
async function walk(context: Context, given: Walk): Promise<Walked> {
  const workDir = await makeWorkDir();
  try {
    const policy = (await readRunnerPolicy(context.env)).forRun(
      { name: given.name, trust: "trusted" },
      { own: [workDir, PLANNED_SECRETS_DIR], secret: [] },
    );
    const hostEnv = filterHostEnv(context.env);
    const clock = systemClock();
    const attemptId = systemIds().uuid();
    const quiet = () => Promise.resolve();
    const plan = given.runtime === null ? null : await openPlan({
      runtime: given.runtime,
      policy,
      env: context.env,
      name: given.name,
      workDir,
      sourceDir: policy.isConfined ? "" : given.sourceDir,
      clock,
    });
    const ports: RunPorts = {
      clock,
      journal: { event: quiet, log: quiet },
      checks: newChecks({
        attemptId,
        policy,
        clock,
        hostEnv,
        runnerEnv: context.env,
        workDir,
        sourceDir: given.sourceDir,
      }),
      surroundings: newSurroundings({ workDir, sourceDir: given.sourceDir, policy }),
      children: {
        run: () => Promise.reject(new Error("a dry run has no children")),
        enqueue: () => Promise.reject(new Error("a dry run has no children")),
      },
      mails: { send: () => Promise.resolve(null) },
      conceal: (text) => text,
      actions: plan?.actions ?? {
        open: () =>
          Promise.resolve({
            perform: () => Promise.resolve({ exitCode: 0, failure: null, outputFile: null }),
            abandon: () => Promise.resolve(),
            stepDir: (dir) => dir ?? workDir,
            files: () => ({ stdout: "", stderr: "", output: "" }),
            logsOf: () => null,
            redirect: () => Promise.resolve({ write: quiet, [Symbol.asyncDispose]: quiet }),
            readText: () => Promise.resolve(""),
            [Symbol.asyncDispose]: quiet,
          }),
      },
    };
    const inputs = {
      name: given.name,
      dagRunId: toBase62(systemIds().uuid()),
      attemptId,
      triggerType: "manual",
      triggerActor: "",
      scheduleTime: "",
      params: given.params,
      env: {},
      host: policy.isConfined ? hostEnv : withoutServiceEnv(context.env),
      imported: hostEnv,
      paths: { workDir, logFile: `${workDir}/run.log`, artifactsDir: null },
      secrets: Object.fromEntries(
        plan === null ? [] : given.workflow.secrets.map((secret) => [secret.name, MASK]),
      ),
      root: null,
      isRetryDue: false,
      resume: null,
      previousStdout: {},
      progress: null,
      engineVersion: "dry",
      hostName: Deno.hostname(),
    };
    const { first, second } = context.interrupts;
    const hollowed = plan === null ? hollow(given.workflow, hollowStep) : {
      ...hollow(given.workflow, plannedStep),
      container: plannedContainer(given.workflow.container),
      // One after the other, so that each call is known to be of its step.
      maxActiveSteps: 1,
    };
    const state = await execute(hollowed, inputs, ports, first, second);
    first.throwIfAborted();
    return { state, planned: plan?.steps() ?? [] };
  } finally {
    await Deno.remove(workDir, { recursive: true }).catch(() => {});
  }
}

async function makeWorkDir(): Promise<string> {
  try {
    return await Deno.makeTempDir({ prefix: "dagu-dry-" });
  } catch (error) {
    throw new UserError(
      `cannot make a folder for the dry run: ${error instanceof Error ? error.message : String(error)}\n` +
        "Set TMPDIR to a folder in which this user may write.",
    );
  }
}

/** With what its containers do, and nothing else. */
function plannedStep(step: Step): Step {
  const { action, place, container } = step;
  if (!isInContainer(step)) return hollowStep(step);
  return { ...hollowStep(step), action, place, container: plannedContainer(container) };
}

/** No process writes the line that would be waited for. */
function plannedContainer(container: Container | null): Container | null {
  return container?.kind === "image" ? { ...container, logPattern: null } : container;
}

function hollow(workflow: Workflow, hollowStep: (step: Step) => Step): Workflow {
  return {
    ...workflow,
    steps: workflow.steps.map(hollowStep),
    handlers: Object.fromEntries(
      Object.entries(workflow.handlers).map(([name, step]) => [name, hollowStep(step)]),
    ),
    container: null,
    secrets: [],
    mails: {},
    delaySec: 0,
  };
}

/** Step preconditions are not looked at either (O-11). */
function hollowStep(step: Step): Step {
  return {
    ...step,
    action: { name: "noop", with: {} },
    place: "host",
    container: null,
    output: null,
    outputObject: null,
    outputSchema: null,
    outputs: [],
    stdout: NO_TARGET,
    stderr: NO_TARGET,
    retry: null,
    repeat: null,
    continueOn: NO_CONTINUE,
    preconditions: [],
    mailOnError: false,
    approval: null,
  };
}

function toDetails(name: string, workflow: Workflow, state: RunState): RunDetails {
  const declared = new Map(workflow.steps.map((step) => [step.name, step]));
  return {
    dagRunId: "",
    name,
    params: "",
    status: 0,
    statusLabel: state.status,
    queuedAt: "",
    startedAt: timeOf(state.startedAt),
    finishedAt: timeOf(state.finishedAt),
    nodes: [...state.steps, ...state.handlers.filter((node) => node.status !== "not_started")].map((node) =>
      toNode(node, declared.get(node.name))
    ),
    failure: state.failure,
    notes: [],
    conditions: [],
  };
}

function toNode(step: StepState, declared: Step | undefined): Node {
  const texts = declared?.action.name === "run" ? declared.action.texts : [];
  return {
    step: { name: step.name, commands: texts.map((command) => ({ command })) },
    statusLabel: step.status,
    startedAt: timeOf(step.startedAt),
    finishedAt: timeOf(step.finishedAt),
    exitCode: step.exitCode,
    reason: step.reason,
    failure: step.failure,
    logSizes: step.logSizes,
    prompt: null,
    form: null,
    pushBackHistory: [],
  };
}
