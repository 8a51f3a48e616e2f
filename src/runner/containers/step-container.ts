/** A container of one step (containers contract 4): made, run to its end, taken away. */
import {
  failedWith,
  nameCommand,
  newTails,
  SETUP_EXIT_CODE,
  succeeded,
  type Tails,
  tailSink,
} from "../../run/outcome.ts";
import type { Outcome, OutputSink, Reporter } from "../../run/ports.ts";
import type { StopRules } from "../../run/stop.ts";
import { attachContainer, type Inspected, killContainer } from "./api/container.ts";
import { type EngineError, isLost, isMissing, type Reply } from "./api/error.ts";
import { openBackground } from "./background.ts";
import { type CreatedContainer, makeContainer, start } from "./created.ts";
import { describe, diagnose, diagnoseWords } from "./diagnose.ts";
import { type Ended, readToEnd, rereadToEnd } from "./ending.ts";
import type { Engine } from "./engine.ts";
import { runExec } from "./exec.ts";
import { factsOf } from "./foreign.ts";
import { findHolder } from "./holder.ts";
import { endFinding, SIGKILL_CODE } from "./killed.ts";
import { failedBy, stopFailure } from "./outcome.ts";
import { type LaunchGuard, newLaunchGuard } from "./output.ts";
import { isVanishing, release, removeQuietly } from "./release.ts";
import { putScript } from "./script-file.ts";
import type { ShellCommand } from "./shell.ts";
import type { ContainerRequest } from "./spec.ts";
import { graceOf, signalName } from "./stop.ts";
import { findLeft, FIRST_TURN, type Turn } from "./takeover.ts";
import { settlesWithin, untilStopped } from "./waiting.ts";

/** One command, or what the image does by itself. Resolves when nothing of it is left, but for a container that is kept. */
export async function runStepContainer(
  engine: Engine,
  request: ContainerRequest,
  stop: StopRules,
  sink: OutputSink,
  report: Reporter,
  signal: AbortSignal,
  turn: Turn = FIRST_TURN,
): Promise<Outcome> {
  if (turn.interrupted !== null) {
    const left = await findLeft(engine, request.labels, "step", report, signal);
    if (!left.ok) return failedBy(diagnose(engine.runtime, left.error, {}, signal));
    if (left.value.kind === "begun") {
      return await goOnWith(engine, request, left.value.container, stop, sink, report, signal, turn);
    }
    const isGone = left.value.kind === "none" && turn.interrupted.hasContainer;
    if (isGone) return failedWith(describe(engine.runtime, goneFinding(engine), {}));
  }
  if (signal.aborted) return failedWith(stopFailure(signal));
  const holder = await findHolder(engine, request, "step", signal);
  if (!holder.ok) return failedBy(holder.error);
  if (holder.value !== null) {
    return await runInHolder(engine, request, holder.value, stop, sink, report, signal);
  }
  return await runNew(engine, request, stop, sink, report, signal, turn) ??
    await runNew(engine, request, stop, sink, report, signal, turn) ??
    failedWith(stopFailure(signal));
}

/** null: it could not be started for want of an init binary; the next one is made without. */
async function runNew(
  engine: Engine,
  request: ContainerRequest,
  stop: StopRules,
  sink: OutputSink,
  report: Reporter,
  signal: AbortSignal,
  turn: Turn,
): Promise<Outcome | null> {
  const made = await makeContainer(engine, request, "step", report, signal);
  if (!made.ok) return failedBy(made.error);
  let isOver = true;
  try {
    const outcome = await runMade(engine, request, made.value, stop, sink, report, signal);
    isOver = outcome !== null;
    if (outcome !== null) await turn.settled(outcome);
    return outcome;
  } finally {
    if (isOver) await release(engine, made.value.id, request.container.keepContainer, report);
    else await removeQuietly(engine, made.value.id, report);
  }
}

/** Several commands, one exec each, in a container that is started in the background for them (4.5). */
export async function runStepCommands(
  engine: Engine,
  request: ContainerRequest,
  commands: readonly ShellCommand[],
  stop: StopRules,
  sink: OutputSink,
  report: Reporter,
  signal: AbortSignal,
): Promise<Outcome> {
  if (signal.aborted) return failedWith(stopFailure(signal));
  const opened = await openBackground(engine, request, "background", report, signal);
  if (!opened.ok) return failedBy(opened.error);
  await using background = opened.value;
  const { id, facts } = background;
  const { user, workingDir } = request.container;
  const about = { image: facts.image, name: facts.name };
  for (const [index, command] of commands.entries()) {
    // The container has the environment already.
    const exec = { ...command, env: {}, user, workingDir };
    const outcome = await runExec(engine, id, about, exec, stop, sink, signal);
    if (outcome.failure !== null) return nameCommand(outcome, index);
  }
  return succeeded(null);
}

/** A running container of the workflow has the name: the command is executed in it, and it stays as it is (4.3). */
async function runInHolder(
  engine: Engine,
  { container, entrypoint, command, file = null, env, exec }: ContainerRequest,
  holder: Inspected,
  stop: StopRules,
  sink: OutputSink,
  report: Reporter,
  signal: AbortSignal,
): Promise<Outcome> {
  const facts = factsOf(engine, holder);
  await report.container(facts);
  const own = Object.fromEntries(container.env.map(({ name, value }) => [name, value]));
  const asked = {
    argv: [...(entrypoint ?? []), ...(command ?? [])],
    file,
    user: container.user,
    workingDir: container.workingDir,
    ...exec,
    env: { ...env, ...own, ...exec?.env },
  };
  const about = { image: facts.image, name: facts.name };
  return await runExec(engine, holder.Id, about, asked, stop, sink, signal);
}

/** A container that an earlier process of the runner started: its output is told again from the first byte (B03). */
async function goOnWith(
  engine: Engine,
  { container, tailed }: ContainerRequest,
  left: Inspected,
  stop: StopRules,
  sink: OutputSink,
  report: Reporter,
  signal: AbortSignal,
  turn: Turn,
): Promise<Outcome> {
  const facts = factsOf(engine, left);
  const { image, name } = facts;
  const taken = { id: left.Id, facts, subject: { image, name, container: left.Id } };
  const listening = new AbortController();
  const read: ReadOutput = (output) =>
    rereadToEnd(engine, left.Id, left.Config.Tty, output, report, listening.signal);
  try {
    if (turn.interrupted?.hasContainer === false) await report.container(facts);
    const outcome = await seeToItsEnd(engine, taken, read, listening, stop, sink, report, signal, tailed);
    await turn.settled(outcome);
    return outcome;
  } finally {
    await release(engine, left.Id, container.keepContainer, report);
  }
}

async function runMade(
  engine: Engine,
  request: ContainerRequest,
  container: CreatedContainer,
  stop: StopRules,
  sink: OutputSink,
  report: Reporter,
  signal: AbortSignal,
): Promise<Outcome | null> {
  const { id, subject } = container;
  if (request.file !== undefined && request.file !== null) {
    const put = await putScript(engine, id, request.file, signal);
    if (!put.ok) return failedBy(diagnose(engine.runtime, put.error, subject, signal));
  }
  // The process's end outlives a stop: it holds the last output and the exit code.
  const listening = new AbortController();
  // Attached before the start, nothing is missed; headers come at once (engine notes 1).
  const attached = await attachContainer(engine.socket, id, listening.signal);
  if (!attached.ok) return failedBy(diagnose(engine.runtime, attached.error, subject, signal));
  const refused = await start(engine, container, report, signal);
  if (refused !== null) {
    attached.value[Symbol.dispose]();
    return refused.isOfInit ? null : failedBy(refused);
  }
  // Not before: of one that was never started, a later process of the runner would miss the work (B03).
  await report.container(container.facts);
  const isTerminal = request.raw?.container["Tty"] === true;
  const read: ReadOutput = (output) =>
    readToEnd(engine, id, attached.value, isTerminal, output, report, listening.signal);
  return await seeToItsEnd(engine, container, read, listening, stop, sink, report, signal, request.tailed);
}

type ReadOutput = (output: OutputSink) => Promise<Reply<Ended>>;

/** Of a container that was started: its output, its end, and what that means. */
async function seeToItsEnd(
  engine: Engine,
  container: CreatedContainer,
  read: ReadOutput,
  listening: AbortController,
  stop: StopRules,
  sink: OutputSink,
  report: Reporter,
  signal: AbortSignal,
  tailed?: ContainerRequest["tailed"],
): Promise<Outcome> {
  const tails = newTails(tailed);
  const guard = newLaunchGuard(tailSink(sink, tails));
  const work = read(guard);
  const ended = await untilStopped(
    work,
    signal,
    () => stopByRules(engine, container.id, work, stop, signal, report),
    () => listening.abort(),
  );
  const how = { tails, guard, report, signal };
  return ended.ok
    ? await judge(engine, container, ended.value, how)
    : await judgeLost(engine, container, ended, how);
}

interface How {
  readonly tails: Tails;
  readonly guard: LaunchGuard;
  readonly report: Reporter;
  readonly signal: AbortSignal;
}

async function judge(
  engine: Engine,
  { id, subject }: CreatedContainer,
  { inspected, isByEngine }: Ended,
  { tails, guard, report, signal }: How,
): Promise<Outcome> {
  const { State } = inspected;
  const exitCode = State.ExitCode;
  const words = await guard.settle(exitCode);
  if (words !== null) {
    return failedBy(diagnoseWords(engine.runtime, "container start", words, subject));
  }
  if (signal.aborted) return failedWith(describe(engine.runtime, stopFailure(signal), subject), exitCode);
  if (isByEngine) {
    return failedWith(describe(engine.runtime, restartFinding(engine, State), subject), exitCode);
  }
  if (exitCode === 0) {
    if (State.OOMKilled) await report.note("warn", "a process in the container was killed for memory (F57)");
    return succeeded(null);
  }
  if (exitCode === SIGKILL_CODE && !State.OOMKilled && await isVanishing(engine, id)) {
    const found = removedFinding(engine);
    return failedWith(describe(engine.runtime, found, subject), exitCode);
  }
  return failedWith(describe(engine.runtime, endFinding(exitCode, inspected, tails), subject), exitCode);
}

/** The engine could not say how it ended: never a success (F59, F62). */
async function judgeLost(
  engine: Engine,
  { subject }: CreatedContainer,
  { error }: Extract<Reply<Ended>, { ok: false }>,
  { guard, signal }: How,
): Promise<Outcome> {
  await guard.settle(SETUP_EXIT_CODE);
  if (signal.aborted) return failedWith(describe(engine.runtime, stopFailure(signal), subject), null);
  const found = lossOf(engine, error);
  if (found === null) return failedBy(diagnose(engine.runtime, error, subject, signal));
  return failedWith(describe(engine.runtime, found, subject, error.message));
}

type Finding = Parameters<typeof describe>[1];

function removedFinding({ runtime }: Engine): Finding {
  const message = "the container was removed while its command ran";
  const remedy = `find out who removes containers of ${runtime.kind} on that machine`;
  return { code: "CONTAINER_LOST", message, remedy };
}

function goneFinding({ runtime }: Engine): Finding {
  const message = "the container was taken away while the runner was not there";
  const remedy = `find out who removes containers of ${runtime.kind} on that machine`;
  return { code: "CONTAINER_LOST", message, remedy };
}

/** F63: whatever its code is, nobody knows how it would have ended. */
function restartFinding({ runtime }: Engine, { ExitCode, FinishedAt }: Inspected["State"]): Finding {
  const message =
    `${runtime.kind} was started anew and ended the container with it (code ${ExitCode} at ${FinishedAt})`;
  const remedy = "start the step again; with live-restore containers outlive their engine";
  return { code: "CONTAINER_LOST", message, remedy };
}

function lossOf(engine: Engine, error: EngineError): Finding | null {
  const { kind } = engine.runtime;
  if (isMissing(error)) return removedFinding(engine);
  if (!isLost(error)) return null;
  const seconds = Math.round(engine.limits.reconnectMs / 1000);
  const message = `${kind} went away while the command ran and was not back within ${seconds} s`;
  return {
    code: "ENGINE_LOST",
    message,
    remedy: "see why the engine stopped; the command may have gone on without us",
  };
}

/** First signal, grace, SIGKILL (4.8). The kill is sent however long the grace was. */
async function stopByRules(
  engine: Engine,
  id: string,
  work: Promise<unknown>,
  stop: StopRules,
  signal: AbortSignal,
  report: Reporter,
): Promise<void> {
  const graceMs = graceOf(stop, signal);
  const kill = (name: string): Promise<unknown> =>
    killContainer(engine.socket, id, name, AbortSignal.timeout(KILL_MS));
  if (graceMs > 0) {
    await kill(signalName(stop));
    if (await settlesWithin(work, graceMs, stop.hurry)) return;
    await report.note("warn", `killed after ${graceMs / 1000} s: it did not end by ${stop.signal} (F69)`);
  }
  await kill("KILL");
}

const KILL_MS = 10_000;
