/** One try of a step: its fields resolved, its work done, its streams taken, its outputs read. */
import type { Scope } from "../workflow/reference.ts";
import type { Step, StreamTarget } from "../workflow/workflow.ts";
import { runChildren } from "./children.ts";
import { noteOf } from "./event.ts";
import type { Failure } from "./failure.ts";
import { runForeach } from "./foreach.ts";
import { isFailure, lostTry } from "./outcome.ts";
import { newLineWatch, teeSink } from "./output.ts";
import type {
  Journal,
  OpenActions,
  Outcome,
  OutputSink,
  Redirect,
  Reporter,
  StepCall,
  StepFiles,
  StreamName,
} from "./ports.ts";
import type { OpenTry } from "./progress.ts";
import { newCollector, publish, type Published } from "./publish.ts";
import { resolveAction, resolveContainer } from "./resolve.ts";
import type { ChildLink } from "./state.ts";
import type { StepRun } from "./step.ts";
import { wrongNumber } from "./policy.ts";
import { openDeadline, openPatientStop, openStop, runTimeout, stopReason } from "./stop.ts";
import { resolveText } from "../workflow/reference.ts";

export type TryResult =
  | {
    readonly kind: "succeeded";
    readonly exitCode: number | null;
    readonly published: readonly Published[];
    readonly isPartial: boolean;
  }
  | { readonly kind: "waiting"; readonly awaits: readonly ChildLink[] }
  | {
    readonly kind: "failed" | "stopped";
    readonly exitCode: number | null;
    readonly failure: Failure;
    readonly hasWatched: boolean;
  };

/** A try that nobody has to come back to. */
export type EndedTry = Exclude<TryResult, { kind: "waiting" }>;

export interface Sizes {
  stdout: number;
  stderr: number;
}

export interface TryNumber {
  /** Tries of this execution before this one, from 0. */
  readonly retry: number;
  /** Executions before this one, from 0. */
  readonly repeat: number;
  /** Bytes logged by all tries so far; grows. */
  readonly sizes: Sizes;
  /** It was begun by a process of the runner that is no more, and is taken over; null: it begins here. */
  readonly taken: OpenTry | null;
}

export async function runTry(run: StepRun, number: TryNumber, signal: AbortSignal): Promise<TryResult> {
  const { step, ports, actions } = run;
  const files = actions.files(step.name);
  const { scope, stepEnv, workingDir } = run.scope(files);
  const lost = number.taken === null ? null : lossOf(step);
  if (lost !== null) {
    await actions.abandon(step.name);
    return failed(lost, null);
  }
  const wrong = wrongNumber(step, scope);
  if (wrong !== null) return failed(wrong, 1);
  const prepared = prepare(run, number, { scope, stepEnv, workingDir, files });
  if (isFailure(prepared)) return failed(prepared, 1);
  const stepDir = actions.stepDir(workingDir);

  await using streams = await openStreams(step, scope, stepDir, actions);
  if (streams.failure !== null) return failed(streams.failure, 1);
  const collector = newCollector(step, run.workflow.maxOutputSize);
  const watch = newLineWatch(step.continueOn.output);
  const log = logSink(ports.journal, step, number);
  const sink = teeSink(log, async (stream, bytes) => {
    await streams.write(stream, bytes);
    collector.add(stream, bytes);
    if (stream === "stdout") watch.add(bytes);
  });

  using stop = step.repeat === null
    ? openStop(signal)
    : openPatientStop(ports.clock, signal, run.kill, run.workflow.maxCleanUpTimeSec * 1000);
  const startedAt = ports.clock.mono();
  const outcome = await (async () => {
    const elapsedMs = number.taken === null ? 0 : ports.clock.now() - number.taken.startedAt;
    using _deadline = openDeadline(ports.clock, step.timeoutSec, "step", stop, elapsedMs);
    return await prepared(sink, stop.signal);
  })();

  // Once a stop began the try is stopped, whatever exit code arrives (3.7.3).
  const stopped = stopReason(stop.signal);
  if (stopped !== null) {
    if (stopped.kind === "timeout" && stopped.scope === "step") {
      const elapsed = ((ports.clock.mono() - startedAt) / 1000).toFixed(1);
      const message = `step timed out after ${elapsed} s (timeout_sec is ${stopped.limitMs / 1000})`;
      const remedy = "raise timeout_sec, or make the step faster";
      const failure = asStopped(outcome, { code: "STEP_TIMEOUT", message, remedy });
      return { ...failed(failure, 124), hasWatched: watch.hasMatched() };
    }
    const exitCode = step.action.name === "harness.run" ? 124 : outcome.exitCode;
    const failure = asStopped(outcome, stopFailure(stopped));
    return { kind: "stopped", exitCode, failure, hasWatched: false };
  }
  if (outcome.failure !== null) {
    return { ...failed(outcome.failure, outcome.exitCode), hasWatched: watch.hasMatched() };
  }
  if (outcome.awaits !== undefined) return { kind: "waiting", awaits: outcome.awaits };
  const published = await publish(step, {
    collector,
    outcome,
    scope,
    maxBytes: run.workflow.maxOutputSize,
    readText: (path, max) => actions.readText(path, stepDir, max),
  });
  return isFailure(published)
    ? { ...failed(published, 1), hasWatched: watch.hasMatched() }
    : { kind: "succeeded", exitCode: outcome.exitCode, published, isPartial: outcome.isPartial === true };
}

interface Resolved {
  readonly scope: Scope;
  readonly stepEnv: Readonly<Record<string, string>>;
  readonly workingDir: string | null;
  readonly files: StepFiles;
}

type Start = (sink: OutputSink, signal: AbortSignal) => Promise<Outcome>;

/** The work of the try, ready to be started, or why it cannot be. */
function prepare(run: StepRun, number: TryNumber, resolved: Resolved): Start | Failure {
  const { action } = run.step;
  switch (action.name) {
    case "dag.run":
    case "dag.enqueue":
      return (sink, signal) => runChildren(run, action, number.repeat, resolved.scope, sink, signal);
    case "foreach": {
      const { scope } = run.scope(resolved.files, []);
      const names = run.step.env.slice(action.defaultEnv).map(({ name }) => name);
      const own = Object.fromEntries(names.map((name) => [name, resolved.stepEnv[name] ?? ""]));
      const body = { ...scope, env: { ...scope.env, ...own } };
      return (sink, signal) => runForeach(run, action, { own: resolved.scope, body }, sink, signal);
    }
    default: {
      const call = newCall(run, number, resolved);
      return isFailure(call)
        ? call
        : (sink, signal) => run.actions.perform(call, sink, stepReporter(run), signal);
    }
  }
}

function newCall(run: StepRun, { retry, taken }: TryNumber, resolved: Resolved): StepCall | Failure {
  const { step, workflow, handler } = run;
  const { scope, stepEnv, workingDir, files } = resolved;
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
    interrupted: taken === null ? null : { hasContainer: taken.hasContainer },
    place: step.place,
    action,
    container: own,
    stepEnv,
    scopeEnv: scope.env,
    workingDir,
    signalOnStop: step.signalOnStop ?? "SIGTERM",
    graceMs: workflow.maxCleanUpTimeSec * 1000,
    maxOutputSize: workflow.maxOutputSize,
    isOneStream: step.logOutput === "merged" && !tellsStreamsApart(step),
    files,
  };
}

/** Whether it matters to somebody beside the log what went to stdout and what to stderr. */
function tellsStreamsApart(step: Step): boolean {
  const isTarget = ({ file, artifact, outputs }: StreamTarget): boolean =>
    file !== null || artifact !== null || Object.keys(outputs).length > 0;
  return isTarget(step.stdout) || isTarget(step.stderr) || step.output !== null ||
    step.outputObject !== null || step.outputSchema !== null || step.continueOn.output.length > 0;
}

// ---- streams ----------------------------------------------------------------------------------------------------

/**
 * With `merged`, one log holds both streams in the order of their arrival (S-60). A try that is taken over tells again what
 * the log has already: that is left out.
 */
function logSink(journal: Journal, step: Step, { sizes, taken }: TryNumber): OutputSink {
  const known = { ...(taken?.logged.last ?? { stdout: 0, stderr: 0 }) };
  return {
    async write(stream: StreamName, bytes: Uint8Array) {
      const target = step.logOutput === "merged" ? "stdout" : stream;
      const skipped = Math.min(known[target], bytes.length);
      known[target] -= skipped;
      if (skipped === bytes.length) return;
      sizes[target] += bytes.length - skipped;
      await journal.log(step.name, target, bytes.subarray(skipped));
    },
  };
}

/**
 * Why a try cannot be taken over whatever is left of it: what went into one log or into a file of the author's cannot be
 * told apart from what did not, and the items of a `foreach` are not told one by one.
 */
function lossOf(step: Step): Failure | null {
  const why = step.logOutput === "merged"
    ? "its log holds both streams in one (log_output: merged)"
    : step.stdout.file !== null || step.stderr.file !== null ||
        step.stdout.artifact !== null || step.stderr.artifact !== null
    ? "its output goes to a file"
    : step.action.name === "foreach"
    ? "its items are not told one by one"
    : null;
  return why === null ? null : lostTry(why);
}

interface Streams extends AsyncDisposable {
  readonly failure: Failure | null;
  write(stream: StreamName, bytes: Uint8Array): Promise<void>;
}

async function openStreams(
  step: Step,
  scope: Scope,
  stepDir: string,
  actions: OpenActions,
): Promise<Streams> {
  const opened = new Map<StreamName, Redirect>();
  const close = async (): Promise<void> => {
    for (const redirect of opened.values()) await redirect[Symbol.asyncDispose]();
  };
  for (const stream of ["stdout", "stderr"] as const) {
    const target = redirectTarget(step[stream], scope);
    if (target === null) continue;
    const redirect = await actions.redirect(target, stepDir);
    if (isFailure(redirect)) {
      return { failure: redirect, write: () => Promise.resolve(), [Symbol.asyncDispose]: close };
    }
    opened.set(stream, redirect);
  }
  return {
    failure: null,
    write: async (stream, bytes) => await opened.get(stream)?.write(bytes),
    [Symbol.asyncDispose]: close,
  };
}

function redirectTarget(target: StreamTarget, scope: Scope): Parameters<OpenActions["redirect"]>[0] | null {
  if (target.file !== null) {
    return { kind: "file", path: resolveText(target.file, scope, "scope", { unqualifiedBackslash: "text" }) };
  }
  if (target.artifact === null) return null;
  return {
    kind: "artifact",
    path: resolveText(target.artifact, scope, "scope", { unqualifiedBackslash: "text" }),
  };
}

// ---- endings ----------------------------------------------------------------------------------------------------

function stepReporter(run: StepRun): Reporter {
  const step = run.step.name;
  return {
    container: (facts) => run.emit({ type: "container.started", step, data: facts }),
    note: (level, message, instead) =>
      run.emit({ type: "note", step, data: noteOf(level, message, instead) }),
  };
}

function stopFailure(reason: NonNullable<ReturnType<typeof stopReason>>): Failure {
  if (reason.kind === "timeout") return runTimeout(reason);
  const by = reason.kind === "cancelled" ? reason.by : "a newer attempt";
  return { code: "CANCELLED", message: `stopped by ${by}`, remedy: "" };
}

/** Where it was stopped, and what that took, is known to who stopped it (containers contract 0.4.1, 3.7.4). */
function asStopped({ failure, aftermath }: Outcome, stop: Failure): Failure {
  const message = aftermath === undefined ? stop.message : `${stop.message}; ${aftermath}`;
  return { ...failure, ...stop, message };
}

function failed(
  failure: Failure,
  exitCode: number | null,
): Extract<TryResult, { kind: "failed" | "stopped" }> {
  return { kind: "failed", exitCode, failure, hasWatched: false };
}
