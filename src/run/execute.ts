/**
 * The run core: one attempt of a workflow from its first event to its last. It decides what is ready, keeps the limits,
 * runs the handlers and derives the status; it does no I/O of its own (DESIGN 3.3). Everything it knows, it tells by events.
 */
import { findCycleAnywhere } from "../workflow/graph.ts";
import { unlimitedNote } from "../workflow/limits.ts";
import { resolveText, type Scope } from "../workflow/reference.ts";
import { HANDLER_NODE_NAMES, type HandlerName, type Workflow } from "../workflow/workflow.ts";
import { checkConditions, type ConditionsResult, describeUnmet } from "./conditions.ts";
import { noteOf, type RunEventBody } from "./event.ts";
import type { Failure } from "./failure.ts";
import type { RunInputs } from "./inputs.ts";
import { isFailure } from "./outcome.ts";
import type { OpenActions, Reporter, RunPorts, StopReason } from "./ports.ts";
import { resolveRunScope, unknownCredential } from "./resolve.ts";
import { openPrelude } from "./prelude.ts";
import { hasBegun } from "./progress.ts";
import { runSteps, stepsOf } from "./schedule.ts";
import { newHandlerScope } from "./scope.ts";
import { newSlots } from "./slots.ts";
import { findStep, reduce, resumedRunState, type RunState } from "./state.ts";
import { deriveStatus, type FinalStatus } from "./status.ts";
import { runStep } from "./step.ts";
import { openDeadline, openStop, runTimeout, stopReason } from "./stop.ts";

/**
 * Runs the attempt and returns the state that its events fold to. `signal` asks for a stop with a `StopReason`: running
 * steps are stopped, abort and exit handlers still run; a `fenced` stop ends everything at once and tells nothing more.
 * `kill` ends handlers too. Rejects only when the journal cannot be written.
 */
export async function execute(
  workflow: Workflow,
  inputs: RunInputs,
  ports: RunPorts,
  signal: AbortSignal,
  kill: AbortSignal,
): Promise<RunState> {
  const startedAt = inputs.progress?.state.startedAt ?? ports.clock.now();
  const story = newStory(workflow, inputs, ports);
  await story.emit(
    inputs.progress === null
      ? {
        type: "attempt.started",
        data: { engineVersion: inputs.engineVersion, host: inputs.hostName, workDir: inputs.paths.workDir },
      }
      : { type: "note", data: { level: "warn", message: RESTARTED } },
  );
  using stop = openStop(signal);
  const prelude = await openPrelude(workflow, inputs, ports, startedAt, stop.signal);
  const end = isFailure(prelude)
    ? endUnopened(prelude, stop.signal)
    : await runAttempt({ workflow, inputs, ports, kill, startedAt, ...prelude, ...story }, stop);
  if (stopReason(stop.signal)?.kind === "fenced") return story.state();
  await mailEnd(workflow, ports, story, end.status);
  await story.emit(
    end.status === "waiting" ? { type: "attempt.waiting", data: { steps: waitingNames(story.state()) } } : {
      type: "attempt.finished",
      data: { status: end.status, ...(end.failure === null ? {} : { error: end.failure }) },
    },
  );
  return story.state();
}

const RESTARTED = "the runner was started anew, and the run goes on where it was";

async function mailEnd(
  workflow: Workflow,
  ports: RunPorts,
  story: Story,
  status: FinalStatus,
): Promise<void> {
  const occasion = status === "failed"
    ? "failure"
    : status === "succeeded" || status === "partially_succeeded"
    ? "success"
    : status === "waiting"
    ? "wait"
    : null;
  if (occasion === null || workflow.mails[occasion] === undefined) return;
  const problem = await ports.mails.send(occasion, { status, step: null, state: story.state() });
  if (problem !== null) await story.emit({ type: "note", data: { level: "warn", message: problem } });
}

function waitingNames(state: RunState): string[] {
  return state.steps.filter((step) => step.status === "waiting").map((step) => step.name);
}

interface Story {
  readonly emit: (body: RunEventBody) => Promise<void>;
  readonly state: () => RunState;
}

interface Attempt extends Story {
  readonly workflow: Workflow;
  readonly inputs: RunInputs;
  readonly ports: RunPorts;
  readonly startedAt: number;
  readonly scope: Scope;
  readonly warnings: readonly string[];
  readonly kill: AbortSignal;
}

interface AttemptEnd {
  readonly status: FinalStatus;
  readonly failure: Failure | null;
}

/** Begins where an earlier attempt left the steps, if there was one. */
function newStory(workflow: Workflow, inputs: RunInputs, ports: RunPorts): Story {
  let state = inputs.progress?.state ?? resumedRunState(workflow, inputs.resume?.steps ?? []);
  return {
    state: () => state,
    emit: async (body) => {
      state = reduce(state, { ...body, at: ports.clock.now() });
      await ports.journal.event(body);
    },
  };
}

async function runAttempt(attempt: Attempt, stop: ReturnType<typeof openStop>): Promise<AttemptEnd> {
  const { workflow, ports, inputs } = attempt;
  const isUnderWay = inputs.progress !== null && hasBegun(inputs.progress);
  for (const message of isUnderWay ? [] : [...attempt.warnings, ...unlimited(workflow)]) {
    await attempt.emit({ type: "note", data: { level: "warn", message } });
  }
  const cycle = findCycleAnywhere(workflow.steps);
  if (cycle !== null) return { status: "failed", failure: cyclic(cycle) };

  const unknown = unknownCredential(workflow, attempt.scope);
  if (unknown !== null) return { status: "failed", failure: withoutCredential(unknown) };
  const runScope = resolveRunScope(workflow, attempt.scope);
  const elapsedMs = ports.clock.now() - attempt.startedAt;
  using _deadline = openDeadline(ports.clock, workflow.timeoutSec, "run", stop, elapsedMs);
  const stopped = stoppedWhileWaiting(inputs);
  const { isMet, failure: unclear } = isUnderWay || stopped !== null
    ? { isMet: true, failure: null }
    : await checkRunPreconditions(attempt, runScope.workingDir, stop.signal);
  if (!isMet && stopReason(stop.signal) === null) {
    const status = unclear === null ? "aborted" : "failed";
    if (!hasLastHandlers(workflow, status)) return { status, failure: unclear };
  }

  const opened = await ports.actions.open(runScope, runReporter(attempt), stop.signal);
  if (isFailure(opened)) return endUnopened(opened, stop.signal);
  await using actions = opened;
  if (stopped !== null) {
    return await runLastHandlers(attempt, { status: "aborted", failure: stopped }, actions);
  }

  const init = isMet && !isInitOver(inputs) && !stop.signal.aborted
    ? await runHandler(attempt, "init", "running", actions, stop.signal)
    : "absent";
  if (isMet && init !== "failed" && !stop.signal.aborted) {
    const tries = inputs.progress?.tries ?? new Map();
    const previousStdout = (approval: string): string | null => inputs.previousStdout[approval] ?? null;
    await runSteps({ ...attempt, tries, previousStdout, canWait: true }, actions, stop.signal);
  }

  const reason = stopReason(stop.signal);
  if (reason?.kind === "fenced") return { status: "aborted", failure: null };
  const end = deriveEnd(attempt, { isUnmet: !isMet, unclear, isInitFailed: init === "failed", reason });
  if (end.status === "waiting") {
    await runHandler(attempt, "wait", "waiting", actions, attempt.kill);
    return end;
  }
  return await runLastHandlers(attempt, end, actions);
}

/** The run was stopped while it waited for a person: only its handlers are left to run. */
function stoppedWhileWaiting({ resume }: RunInputs): Failure | null {
  const step = resume?.steps.find(({ status, failure }) =>
    status === "aborted" && failure?.code === "CANCELLED"
  );
  return step?.failure ?? null;
}

function unlimited(workflow: Workflow): readonly string[] {
  const note = unlimitedNote(workflow);
  return note === null ? [] : [note];
}

function isInitOver({ progress }: RunInputs): boolean {
  const init = progress === null ? undefined : findStep(progress.state, HANDLER_NODE_NAMES.init);
  return init?.status === "succeeded" || init?.status === "skipped";
}

async function checkRunPreconditions(
  attempt: Attempt,
  workingDir: string | null,
  signal: AbortSignal,
): Promise<Pick<ConditionsResult, "isMet" | "failure">> {
  const { workflow, ports, scope } = attempt;
  if (workflow.preconditions.length === 0) return { isMet: true, failure: null };
  const shell = workflow.shell === null
    ? null
    : workflow.shell.map((word) => resolveText(word, scope, "scope"));
  const { isMet, failure, results } = await checkConditions(workflow.preconditions, scope, {
    checks: ports.checks,
    shell,
    workingDir,
  }, signal);
  await attempt.emit({ type: "preconditions.checked", data: { results } });
  if (!isMet && failure === null && !signal.aborted) {
    // The run ends without an error: nothing else says why it did nothing.
    await attempt.emit({
      type: "note",
      data: { level: "info", message: describeUnmet(workflow.preconditions, results) },
    });
  }
  return { isMet, failure };
}

function hasLastHandlers({ handlers }: Workflow, status: "aborted" | "failed"): boolean {
  const own = status === "aborted" ? handlers.abort : handlers.failure;
  return own !== undefined || handlers.exit !== undefined;
}

/** Nothing ran: every step stays not_started and no handler runs (3.1.3). */
function endUnopened(failure: Failure, signal: AbortSignal): AttemptEnd {
  const reason = stopReason(signal);
  if (reason?.kind === "cancelled") return { status: "aborted", failure: cancelFailure(reason) };
  return { status: "failed", failure: reason?.kind === "timeout" ? runTimeout(reason) : failure };
}

function deriveEnd(
  attempt: Attempt,
  facts: {
    isUnmet: boolean;
    /** Why the workflow's preconditions could not be evaluated. */
    unclear: Failure | null;
    isInitFailed: boolean;
    reason: ReturnType<typeof stopReason>;
  },
): AttemptEnd {
  if (facts.unclear !== null && facts.reason === null) return { status: "failed", failure: facts.unclear };
  const { steps } = attempt.state();
  const timeout = facts.reason?.kind === "timeout" ? facts.reason : null;
  const unclear = steps.find((step) => step.failure?.code === "PRECONDITION_ERROR");
  // A time limit that passes ends the checks and the init handler as well: they are not what went wrong.
  const isUnfit = timeout === null && (facts.isUnmet || facts.isInitFailed);
  const isStopped = isUnfit || facts.reason?.kind === "cancelled" || unclear !== undefined;
  const status = deriveStatus(steps, { isStopped, hasError: timeout !== null });
  if (status === "succeeded" || status === "partially_succeeded") return { status, failure: null };
  if (timeout !== null) return { status, failure: runTimeout(timeout) };
  if (facts.reason?.kind === "cancelled") {
    return { status, failure: cancelFailure(facts.reason) };
  }
  if (facts.isInitFailed) {
    return {
      status,
      failure: findStep(attempt.state(), HANDLER_NODE_NAMES.init)?.failure ?? null,
    };
  }
  const first = unclear ?? steps.find((step) => step.status === "failed" && !step.isContinued) ??
    steps.find((step) => step.status === "failed");
  return { status, failure: first?.failure ?? null };
}

function cancelFailure({ by, isShutdown }: Extract<StopReason, { kind: "cancelled" }>): Failure {
  return isShutdown === true
    ? { code: "RUNNER_SHUTDOWN", message: `stopped by ${by}`, remedy: "start the run again" }
    : { code: "CANCELLED", message: `stopped by ${by}`, remedy: "" };
}

// ---- handlers (5.4) ---------------------------------------------------------------------------------------------

async function runLastHandlers(attempt: Attempt, end: AttemptEnd, actions: OpenActions): Promise<AttemptEnd> {
  const byStatus: HandlerName = end.status === "failed" || end.status === "rejected"
    ? "failure"
    : end.status === "aborted"
    ? "abort"
    : "success";
  let result = end;
  const isSuppressed = byStatus === "failure" && attempt.inputs.isRetryDue && end.status === "failed";
  for (const handler of isSuppressed ? ["exit"] as const : [byStatus, "exit"] as const) {
    const outcome = await runHandler(attempt, handler, result.status, actions, attempt.kill);
    if (outcome !== "failed" || !["succeeded", "partially_succeeded"].includes(result.status)) continue;
    const node = findStep(attempt.state(), HANDLER_NODE_NAMES[handler]);
    const message = `handler_on.${handler} failed: ${node?.failure?.message ?? "no reason was given"}`;
    result = {
      status: "failed",
      failure: { code: "HANDLER_FAILED", message, remedy: node?.failure?.remedy ?? "" },
    };
  }
  return result;
}

async function runHandler(
  attempt: Attempt,
  handler: HandlerName,
  status: string,
  actions: OpenActions,
  signal: AbortSignal,
): Promise<"absent" | "ended" | "failed"> {
  const { workflow, ports } = attempt;
  const declared = workflow.handlers[handler];
  if (declared === undefined) return "absent";
  const step = { ...declared, name: HANDLER_NODE_NAMES[handler] };
  const end = await runStep({
    workflow,
    step,
    handler,
    open: attempt.inputs.progress?.tries.get(step.name) ?? null,
    again: null,
    ports,
    actions,
    emit: attempt.emit,
    slots: newSlots(0),
    order: 0,
    canWait: false,
    kill: attempt.kill,
    mailFailure: () => Promise.resolve(),
    scope: (_files, env = step.env) =>
      newHandlerScope(attempt.scope, { ...step, env }, stepsOf(workflow), attempt.state(), status, {
        files: null,
        title: step.name,
        stepDir: (dir) => actions.stepDir(dir),
        logsOf: (name) => actions.logsOf(name),
        previousStdout: () => null,
      }),
  }, signal);
  return end === "failed" || end === "aborted" ? "failed" : "ended";
}

function runReporter(attempt: Attempt): Reporter {
  return {
    container: (facts) => attempt.emit({ type: "container.started", data: facts }),
    note: (level, message, instead) => attempt.emit({ type: "note", data: noteOf(level, message, instead) }),
  };
}

function withoutCredential(reference: string): Failure {
  return {
    code: "INPUT_INVALID",
    message: `registry_auths refers to ${reference}, which has no value`,
    remedy: "define it as a parameter, in env or among secrets",
  };
}

function cyclic(path: readonly string[]): Failure {
  return {
    code: "GRAPH_CYCLIC",
    message: `the steps' depends are cyclic: ${path.join(" -> ")}`,
    remedy: "remove one of these dependencies",
  };
}
