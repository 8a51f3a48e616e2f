/**
 * One step's life: a place, its preconditions, try, retry, outcome. The same for lifecycle handlers, which only differ in
 * what they can see. It tells everything by events and never throws for what an author, an engine or a process did.
 */
import { resolveText, type Scope } from "../workflow/reference.ts";
import type { HandlerName, RetryPolicy, Step, Workflow } from "../workflow/workflow.ts";
import { checkConditions } from "./conditions.ts";
import type { RunEventBody } from "./event.ts";
import { type Failure, isRetryable } from "./failure.ts";
import { newCapture, newLineWatch, readOutputFile, teeSink } from "./output.ts";
import { isFailure } from "./outcome.ts";
import type {
  Journal,
  OpenActions,
  Outcome,
  OutputSink,
  Reporter,
  RunPorts,
  StepCall,
  StreamName,
} from "./ports.ts";
import { resolveAction, resolveContainer } from "./resolve.ts";
import type { StepScope } from "./scope.ts";
import type { Slot, Slots } from "./slots.ts";
import { openDeadline, openStop, stopReason } from "./stop.ts";

export interface StepRun {
  readonly workflow: Workflow;
  readonly step: Step;
  readonly handler: HandlerName | null;
  readonly ports: RunPorts;
  readonly actions: OpenActions;
  readonly emit: (body: RunEventBody) => Promise<void>;
  readonly slots: Slots;
  /** Position in the declaration: who gets a free place first. */
  readonly order: number;
  /** Asked anew for each try: it sees what upstream steps published. */
  readonly scope: () => StepScope;
}

/** How the step ended for its dependents and for the run. */
export type StepEnd =
  | "succeeded"
  | "skipped"
  | "failed"
  | "aborted"
  /** It had not started when the run was stopped: it keeps `not_started` (S-97). */
  | "never";

/** The most that one event carries of a value; beyond it the step fails rather than publishing half of one. */
const PUBLISHED_MAX = 1_048_576;

export async function runStep(run: StepRun, signal: AbortSignal): Promise<StepEnd> {
  const first = await run.slots.take(run.order, signal);
  if (first === null) return "never";
  let slot: Slot = first;
  try {
    const gate = await checkStepConditions(run, signal);
    if (gate !== "go") return gate;
    const sizes = { stdout: 0, stderr: 0 };
    for (let retry = 0;; retry++) {
      await run.emit({ type: "step.started", step: run.step.name, data: { retry } });
      const result = await runTry(run, retry, sizes, signal);
      const delayMs = result.kind === "failed" ? retryDelay(run, retry, result) : null;
      if (result.kind !== "failed" || delayMs === null) return await finish(run, result, sizes);
      await run.emit({
        type: "step.retrying",
        step: run.step.name,
        data: { retry: retry + 1, delayMs, ...codeOf(result), error: result.failure },
      });
      // A waiting retry does not hold a place.
      slot.release();
      await run.ports.clock.sleep(delayMs, signal);
      const next = await run.slots.take(run.order, signal);
      if (next === null) return await finish(run, { ...result, kind: "stopped" }, sizes);
      slot = next;
    }
  } finally {
    slot.release();
  }
}

// ---- preconditions ----------------------------------------------------------------------------------------------

async function checkStepConditions(run: StepRun, signal: AbortSignal): Promise<"go" | "skipped" | "never"> {
  const { step, workflow, ports } = run;
  if (step.preconditions.length === 0) return "go";
  const { scope } = run.scope();
  const environment = {
    checks: ports.checks,
    shell: workflow.shell === null ? null : workflow.shell.map((word) => resolveText(word, scope, "scope")),
    workingDir: step.workingDir === null ? null : resolveText(step.workingDir, scope, "scope"),
  };
  const { isMet, results } = await checkConditions(step.preconditions, scope, environment, signal);
  if (signal.aborted) return "never";
  await run.emit({ type: "preconditions.checked", step: step.name, data: { results } });
  if (isMet) return "go";
  await run.emit({
    type: "step.skipped",
    step: step.name,
    data: { status: "skipped", reason: "precondition not met", continued: step.continueOn.skipped },
  });
  return "skipped";
}

// ---- one try ----------------------------------------------------------------------------------------------------

type TryResult =
  | { readonly kind: "succeeded"; readonly exitCode: number | null; readonly published: readonly Published[] }
  | {
    readonly kind: "failed" | "stopped";
    readonly exitCode: number | null;
    readonly failure: Failure;
    readonly hasWatched: boolean;
  };

interface Published {
  readonly kind: "variable" | "declared";
  readonly name: string;
  readonly value: string;
}

interface Sizes {
  stdout: number;
  stderr: number;
}

async function runTry(run: StepRun, retry: number, sizes: Sizes, signal: AbortSignal): Promise<TryResult> {
  const { step, ports } = run;
  const { scope, stepEnv } = run.scope();
  const call = newCall(run, retry, scope, stepEnv);
  if (isFailure(call)) return failed(call, 1);

  const capture = newCapture(call.maxOutputSize);
  const watch = newLineWatch(step.continueOn.output);
  const sink = teeSink(logSink(ports.journal, step.name, sizes), (bytes) => {
    if (step.output !== null) capture.add(bytes);
    watch.add(bytes);
  });

  using stop = openStop(signal);
  const startedAt = ports.clock.mono();
  const outcome = await (async () => {
    using _deadline = openDeadline(ports.clock, step.timeoutSec, "step", stop);
    return await run.actions.perform(call, sink, stepReporter(run), stop.signal);
  })();

  // Once a stop began the try is stopped, whatever exit code arrives (3.7.3).
  const stopped = stopReason(stop.signal);
  if (stopped !== null) {
    if (stopped.kind === "timeout" && stopped.scope === "step") {
      const elapsed = ((ports.clock.mono() - startedAt) / 1000).toFixed(1);
      const message = `step timed out after ${elapsed} s (timeout_sec is ${stopped.limitMs / 1000})`;
      return {
        ...failed(
          { code: "STEP_TIMEOUT", message, remedy: "raise timeout_sec, or make the step faster" },
          124,
        ),
        hasWatched: watch.hasMatched(),
      };
    }
    const failure = stopFailure(stopped);
    const exitCode = call.action.name === "harness.run" ? 124 : outcome.exitCode;
    return { kind: "stopped", exitCode, failure, hasWatched: false };
  }
  if (outcome.failure !== null) {
    return { ...failed(outcome.failure, outcome.exitCode), hasWatched: watch.hasMatched() };
  }
  const published = publish(step, capture, outcome, call.maxOutputSize);
  return isFailure(published)
    ? { ...failed(published, 1), hasWatched: watch.hasMatched() }
    : { kind: "succeeded", exitCode: outcome.exitCode, published };
}

function newCall(
  run: StepRun,
  retry: number,
  scope: Scope,
  stepEnv: Readonly<Record<string, string>>,
): StepCall | Failure {
  const { step, workflow, handler } = run;
  const own = step.container === null ? null : resolveContainer(step.container, scope);
  const selected = step.place === "host"
    ? null
    : own ?? (workflow.container === null ? null : resolveContainer(workflow.container, scope));
  const action = resolveAction(step, workflow, selected, scope);
  if (isFailure(action)) return action;
  return {
    step: step.name,
    handler,
    retry,
    place: step.place,
    action,
    container: own,
    stepEnv,
    scopeEnv: scope.env,
    workingDir: step.workingDir === null ? null : resolveText(step.workingDir, scope, "scope"),
    signalOnStop: step.signalOnStop ?? "SIGTERM",
    graceMs: workflow.maxCleanUpTimeSec * 1000,
    maxOutputSize: workflow.maxOutputSize,
  };
}

function logSink(journal: Journal, step: string, sizes: Sizes): OutputSink {
  return {
    async write(stream: StreamName, bytes: Uint8Array) {
      sizes[stream] += bytes.length;
      await journal.log(step, stream, bytes);
    },
  };
}

function stepReporter(run: StepRun): Reporter {
  const step = run.step.name;
  return {
    container: (facts) => run.emit({ type: "container.started", step, data: facts }),
    note: (level, message) =>
      run.emit({ type: "note", step, data: { level, message: message.slice(0, 4096) } }),
  };
}

function stopFailure(reason: NonNullable<ReturnType<typeof stopReason>>): Failure {
  if (reason.kind === "timeout") {
    const message = `the run's timeout_sec of ${reason.limitMs / 1000} passed`;
    return { code: "RUN_TIMEOUT", message, remedy: "raise the workflow's timeout_sec" };
  }
  const by = reason.kind === "cancelled" ? reason.by : "a newer attempt";
  return { code: "CANCELLED", message: `stopped by ${by}`, remedy: "" };
}

function failed(
  failure: Failure,
  exitCode: number | null,
): Extract<TryResult, { kind: "failed" | "stopped" }> {
  return { kind: "failed", exitCode, failure, hasWatched: false };
}

/** What the try publishes; only a succeeded one does (S-49, S-50). */
function publish(
  step: Step,
  capture: ReturnType<typeof newCapture>,
  { outputFile, outputs = {} }: Outcome,
  maxOutputSize: number,
): Published[] | Failure {
  const published: Published[] = Object.entries(outputs)
    .map(([name, value]) => ({ kind: "declared", name, value }));
  if (step.output !== null) {
    if (capture.isOverLimit) {
      return {
        code: "COMMAND_FAILED",
        message: `output exceeded maximum size limit of ${maxOutputSize} bytes`,
        remedy: "print less, write a file, or raise max_output_size",
      };
    }
    published.push({ kind: "variable", name: step.output, value: capture.text() });
  }
  const isSilent = outputFile === null || outputFile === "";
  if (!isSilent || step.outputs.some((output) => !Object.hasOwn(outputs, output.name))) {
    const read = readOutputFile(outputFile ?? "", step.outputs);
    if (!read.ok) {
      const remedy = outputFile === null
        ? "DAGU_OUTPUT_FILE is not reachable in a container: use output: NAME, or run the step on the host"
        : "write each declared output once as name=value to $DAGU_OUTPUT_FILE";
      return { code: "OUTPUT_INVALID", message: read.message, remedy };
    }
    for (const [name, value] of Object.entries(read.values)) {
      published.push({ kind: "declared", name, value });
    }
  }
  const large = published.find((output) => output.value.length > PUBLISHED_MAX);
  return large === undefined ? published : {
    code: "OUTPUT_INVALID",
    message: `the value of output "${large.name}" is larger than ${PUBLISHED_MAX} characters`,
    remedy: "write it to a file in the run's work directory and publish the path",
  };
}

// ---- after a try ------------------------------------------------------------------------------------------------

/** Milliseconds to wait before the next try, or null when there is none (S-84, S-85). */
function retryDelay(
  run: StepRun,
  retry: number,
  result: Extract<TryResult, { kind: "failed" | "stopped" }>,
): number | null {
  const policy = run.step.retry;
  if (policy === null || !isRetryable(result.failure.code)) return null;
  if (policy.exitCodes !== null && !policy.exitCodes.includes(result.exitCode ?? -1)) return null;
  const { scope } = run.scope();
  if (retry >= readNumber(policy.limit, scope)) return null;
  return backoffMs(policy, readNumber(policy.intervalSec, scope), retry);
}

function backoffMs(policy: RetryPolicy, intervalSec: number, retry: number): number {
  const grown = intervalSec * (policy.backoff ?? 1) ** retry;
  return Math.min(grown, policy.maxIntervalSec ?? Number.POSITIVE_INFINITY) * 1000;
}

/** A text that is no number after resolution counts as 0: no retry, no wait. */
function readNumber(value: number | string, scope: Scope): number {
  const number = typeof value === "number" ? value : Number(resolveText(value, scope, "scope").trim() || "x");
  return Number.isFinite(number) && number > 0 ? number : 0;
}

async function finish(run: StepRun, result: TryResult, sizes: Sizes): Promise<StepEnd> {
  const step = run.step.name;
  const logs = { ...sizes };
  if (result.kind === "succeeded") {
    for (const output of result.published) await run.emit({ type: "step.output", step, data: output });
    await run.emit({ type: "step.finished", step, data: { status: "succeeded", ...codeOf(result), logs } });
    return "succeeded";
  }
  const error = result.failure;
  if (result.kind === "stopped") {
    await run.emit({
      type: "step.finished",
      step,
      data: { status: "aborted", ...codeOf(result), error, logs },
    });
    return "aborted";
  }
  const { continueOn } = run.step;
  const isContinued = continueOn.failure || result.hasWatched ||
    (result.exitCode !== null && continueOn.exitCodes.includes(result.exitCode));
  const status = isContinued && continueOn.markSuccess ? "succeeded" : "failed";
  await run.emit({
    type: "step.finished",
    step,
    data: { status, ...codeOf(result), error, continued: isContinued, logs },
  });
  return status;
}

function codeOf(result: { readonly exitCode: number | null }): { exitCode?: number } {
  return result.exitCode === null ? {} : { exitCode: result.exitCode };
}
