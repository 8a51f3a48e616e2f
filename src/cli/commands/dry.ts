import { execute } from "../../run/execute.ts";
import { toBase62 } from "../../run/ids.ts";
import type { RunPorts } from "../../run/ports.ts";
import type { RunState, StepState } from "../../run/state.ts";
import { filterHostEnv } from "../../runner/actions/environment.ts";
import { newChecks } from "../../runner/checks.ts";
import { systemClock, systemIds } from "../../runner/clock.ts";
import { newSurroundings } from "../../runner/surroundings.ts";
import { bindParams } from "../../workflow/inputs.ts";
import { parseWorkflow } from "../../workflow/parse.ts";
import { formatProblem } from "../../workflow/problem.ts";
import { NO_TARGET } from "../../workflow/schema/output.ts";
import { NO_CONTINUE } from "../../workflow/schema/policies.ts";
import type { Step, Workflow } from "../../workflow/workflow.ts";
import { dirname, resolve } from "node:path";
import { type Command, type Context, UserError, writeErr, writeOut } from "../command.ts";
import { openHome } from "../home.ts";
import type { Node, RunDetails } from "../run-json.ts";
import { readRunnerPolicy } from "../runner-policy.ts";
import { callerParamsOf } from "./submission.ts";
import { summarize } from "../summary.ts";
import { readWorkflowFile } from "../workflow-file.ts";

export const command: Command = {
  usage: "dry FILE|NAME [-- PARAMS...]",
  summary:
    "Walks through a workflow: checks parameters, runs eval, looks at the workflow's preconditions, and marks every step\n" +
    "as succeeded without executing it. Nothing is stored.",
  options: {
    params: { type: "string", short: "p", value: "TEXT", help: 'parameters: "KEY=value ..." or JSON' },
    name: { type: "string", short: "N", value: "NAME", help: "workflow name for this run" },
    "no-reuse": { type: "boolean", help: "accepted for build workflows" },
  },
  arguments: [1, 1],
  run: async (context) => {
    const home = await openHome(context.env);
    const file = await readWorkflowFile(context.positionals[0] ?? "", home.dagsDir);
    const { workflow, problems } = parseWorkflow(file.text, "load");
    if (workflow === null) {
      const errors = problems.filter((problem) => problem.severity === "error");
      throw new UserError(
        `validation failed for ${file.path}\n${
          errors.map((one) => `- ${formatProblem(one, file.path)}`).join("\n")
        }`,
      );
    }
    const bound = bindParams(workflow.params, callerParamsOf(context));
    if (!bound.ok) {
      throw new UserError(
        `validation failed for ${file.path}: parameter validation failed: ${bound.messages.join("; ")}`,
      );
    }
    const name = context.flags.text("name") ?? workflow.name ?? file.stem;
    const state = await walk(context, {
      workflow,
      name,
      params: bound,
      sourceDir: dirname(resolve(file.path)),
    });
    writeOut(summarize(toDetails(name, state)));
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
}

/** The run core itself, on a workflow whose steps do nothing. */
async function walk(context: Context, given: Walk): Promise<RunState> {
  const workDir = await Deno.makeTempDir({ prefix: "dagu-dry-" });
  try {
    const policy = (await readRunnerPolicy(context.env)).forRun(
      { name: given.name, trust: "trusted" },
      { own: [workDir], secret: [] },
    );
    const hostEnv = filterHostEnv(context.env);
    const clock = systemClock();
    const attemptId = systemIds().uuid();
    const quiet = () => Promise.resolve();
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
      actions: {
        open: () =>
          Promise.resolve({
            perform: () => Promise.resolve({ exitCode: 0, failure: null, outputFile: null }),
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
      host: hostEnv,
      paths: { workDir, logFile: `${workDir}/run.log`, artifactsDir: null },
      secrets: {},
      root: null,
      isRetryDue: false,
      resume: null,
      engineVersion: "dry",
      hostName: Deno.hostname(),
    };
    const never = new AbortController().signal;
    return await execute(hollow(given.workflow), inputs, ports, never, never);
  } finally {
    await Deno.remove(workDir, { recursive: true }).catch(() => {});
  }
}

function hollow(workflow: Workflow): Workflow {
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

function toDetails(name: string, state: RunState): RunDetails {
  return {
    dagRunId: "",
    name,
    params: "",
    status: 0,
    statusLabel: state.status,
    startedAt: timeOf(state.startedAt),
    finishedAt: timeOf(state.finishedAt),
    nodes: [...state.steps, ...state.handlers.filter((node) => node.status !== "not_started")].map(toNode),
    failure: state.failure,
    notes: [...state.notes],
  };
}

function toNode(step: StepState): Node {
  return {
    step: { name: step.name, commands: [] },
    statusLabel: step.status,
    startedAt: timeOf(step.startedAt),
    finishedAt: timeOf(step.finishedAt),
    exitCode: step.exitCode,
    reason: step.reason,
    failure: step.failure,
    logSizes: step.logSizes,
    prompt: null,
    form: null,
  };
}

function timeOf(epochMs: number | null): string {
  return epochMs === null ? "" : new Date(epochMs).toISOString();
}
