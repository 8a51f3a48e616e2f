/** One command in a container that runs already (containers contract 3.4). */
import { failedWith, newTails, SETUP_EXIT_CODE, succeeded, tailSink } from "../../run/outcome.ts";
import type { Outcome, OutputSink, StreamName } from "../../run/ports.ts";
import type { StopRules } from "../../run/stop.ts";
import { type ContainerState, inspectContainer } from "./api/container.ts";
import { type EngineError, isLost, isMissing, type Reply } from "./api/error.ts";
import { createExec, type ExecBody, type InspectedExec, inspectExec, startExec } from "./api/exec.ts";
import type { ByteStream } from "./api/socket.ts";
import { describe, diagnose, diagnoseWords, type Subject } from "./diagnose.ts";
import { reconnect } from "./ending.ts";
import type { Engine } from "./engine.ts";
import { endFinding, SIGKILL_CODE } from "./killed.ts";
import { killTree, type Sweep, TOKEN_VARIABLE } from "./kill-tree.ts";
import { newExecToken } from "./names.ts";
import { failedBy, stopFailure } from "./outcome.ts";
import { drain, newLaunchGuard } from "./output.ts";
import { isVanishing } from "./release.ts";
import { putScript, removeScript } from "./script-file.ts";
import type { ScriptFile } from "./shell.ts";
import { graceOf, signalName } from "./stop.ts";
import { nulFailure } from "./unfit.ts";
import { pause, settlesWithin, untilStopped } from "./waiting.ts";

export interface ExecOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly workingDir: string | null;
  readonly user: string | null;
  readonly isPrivileged?: boolean;
  /** Its output is one raw stream. */
  readonly isTerminal?: boolean;
}

export interface ExecRequest extends ExecOptions {
  readonly argv: readonly string[];
  /** Put into the container for the command, and taken away after it. */
  readonly file?: ScriptFile | null;
  /** Streams whose ends the message of a failure quotes; absent: stderr. */
  readonly tailed?: readonly StreamName[];
  /** Attempt for which it runs: what it leaves is found again by it. */
  readonly owner?: string;
}

/** Resolves when nothing of the command is left, or when it says that something may be (3.7.4). */
export async function runExec(
  engine: Engine,
  id: string,
  about: Subject,
  request: ExecRequest,
  stop: StopRules,
  sink: OutputSink,
  signal: AbortSignal,
): Promise<Outcome> {
  const refused = request.isPrivileged === true ? engine.guard.privilegedExec() : null;
  if (refused !== null) return failedWith(refused);
  const file = request.file ?? null;
  if (file === null || signal.aborted) return await execute(engine, id, about, request, stop, sink, signal);
  const put = await putScript(engine, id, file, signal);
  if (!put.ok) return failedBy(diagnose(engine.runtime, put.error, { ...about, container: id }, signal));
  try {
    return await execute(engine, id, about, request, stop, sink, signal);
  } finally {
    await removeScript(engine, id, file);
  }
}

async function execute(
  engine: Engine,
  id: string,
  about: Subject,
  request: ExecRequest,
  stop: StopRules,
  sink: OutputSink,
  signal: AbortSignal,
): Promise<Outcome> {
  if (signal.aborted) return failedWith(stopFailure(signal));
  const [program] = request.argv;
  const subject = { ...about, container: id, user: request.user, workingDir: request.workingDir };
  if (program === undefined) return noCommand(engine, subject);
  const named = { ...subject, program };
  const unfit = nulFailure(engine.runtime, request.argv, request.env, named);
  if (unfit !== null) return failedWith(unfit);
  const down = await notRunning(engine, id, named, signal);
  if (down !== null) return down;

  const token = newExecToken(request.owner ?? "");
  // The answers of create and start say what is there to be stopped: they are waited for, whoever stops us.
  const listening = new AbortController();
  const body = toBody(request, token);
  const created = await createExec(engine.socket, id, body, listening.signal);
  if (!created.ok) return failedBy(diagnose(engine.runtime, created.error, named, signal));
  const started = await startExec(engine.socket, created.value, listening.signal, body.Tty);
  if (!started.ok) return failedBy(diagnose(engine.runtime, started.error, named, signal));

  const tails = newTails(request.tailed);
  const guard = newLaunchGuard(tailSink(sink, tails));
  const work = readExec(engine, created.value, started.value, body.Tty, guard, listening.signal);
  let swept: Sweep = "ended";
  const ended = await untilStopped(work, signal, async () => {
    swept = await stopTree(engine, id, token, request.user, stop, signal);
  }, () => listening.abort()).catch(async (thrown) => {
    // The log took no more bytes: the command would go on without us.
    await killTree(engine, id, token, request.user, "KILL", 0);
    throw thrown;
  });

  const exitCode = ended.ok ? ended.value.ExitCode : null;
  const words = await guard.settle(exitCode ?? SETUP_EXIT_CODE);
  if (signal.aborted) return stopped(engine, subject, exitCode, swept, stop, signal);
  if (!ended.ok) {
    const sweep = (): Promise<Sweep> => killTree(engine, id, token, request.user, "KILL", 0);
    return await judgeLost(engine, id, named, ended.error, sweep, signal);
  }
  if (words !== null) return failedBy(diagnoseWords(engine.runtime, "exec start", words, named));
  if (exitCode === 0) return succeeded(null);
  const code = exitCode ?? SETUP_EXIT_CODE;
  if (code !== SIGKILL_CODE) {
    return failedWith(describe(engine.runtime, endFinding(code, null, tails), subject), code);
  }
  if (await isGoing(engine, id)) return lostContainer(engine, named, code);
  const around = await inspectContainer(engine.socket, id, AbortSignal.timeout(LOOK_MS));
  const found = endFinding(code, around.ok ? around.value : null, tails);
  return failedWith(describe(engine.runtime, found, subject), code);
}

function toBody(request: ExecRequest, token: string): ExecBody & { readonly Tty: boolean } {
  const env = { ...request.env, [TOKEN_VARIABLE]: token };
  return {
    Cmd: request.argv,
    Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
    Tty: request.isTerminal === true,
    ...(request.isPrivileged === true ? { Privileged: true } : {}),
    ...(request.user === null ? {} : { User: request.user }),
    ...(request.workingDir === null ? {} : { WorkingDir: request.workingDir }),
  };
}

const SETTLE_MS: readonly number[] = [0, 1, 5, 20, 50, 100, 200];

/** The code means something only after the last byte (3.4.6); a command may close its outputs before it ends. */
async function readExec(
  engine: Engine,
  exec: string,
  stream: ByteStream,
  isTerminal: boolean,
  sink: OutputSink,
  signal: AbortSignal,
): Promise<Reply<InspectedExec>> {
  const broken = await drain(stream, isTerminal, "exec start", sink);
  if (broken !== null) return { ok: false, error: broken };
  for (let turn = 0;; turn++) {
    await pause(SETTLE_MS[turn] ?? 250, signal);
    const reply = await inspectExec(engine.socket, exec, signal);
    if (!reply.ok || !reply.value.Running) return reply;
  }
}

async function stopTree(
  engine: Engine,
  id: string,
  token: string,
  user: string | null,
  stop: StopRules,
  signal: AbortSignal,
): Promise<Sweep> {
  const graceMs = graceOf(stop, signal);
  if (graceMs === 0) return await killTree(engine, id, token, user, "KILL", 0);
  const polite = killTree(engine, id, token, user, signalName(stop), graceMs);
  const isOver = await settlesWithin(polite, Number.POSITIVE_INFINITY, stop.hurry);
  return isOver ? await polite : await killTree(engine, id, token, user, "KILL", 0);
}

/** Its own end is not the step's any more, but what was needed for it is told (3.7.4, F69). */
function stopped(
  engine: Engine,
  subject: Subject,
  exitCode: number | null,
  swept: Sweep,
  stop: StopRules,
  signal: AbortSignal,
): Outcome {
  const outcome = failedWith(describe(engine.runtime, stopFailure(signal), subject), exitCode);
  switch (swept) {
    case "ended":
      return outcome;
    case "killed": {
      const seconds = stop.graceMs / 1000;
      return { ...outcome, aftermath: `killed after ${seconds} s: it did not end by ${stop.signal}` };
    }
    case "unknown": {
      const aftermath =
        "processes may be left in the container: stopping them needs sh, tr and grep there, look into it and kill them";
      return { ...outcome, aftermath };
    }
    default:
      return swept satisfies never;
  }
}

/** 3.4.1: says why at once what the engine would say in its own words. */
async function notRunning(
  engine: Engine,
  id: string,
  subject: Subject,
  signal: AbortSignal,
): Promise<Outcome | null> {
  const reply = await inspectContainer(engine.socket, id, signal);
  if (!reply.ok) {
    if (!isMissing(reply.error)) return failedBy(diagnose(engine.runtime, reply.error, subject, signal));
    return down(engine, subject, `container ${subject.name ?? id} is gone`);
  }
  const { State } = reply.value;
  if (State.Paused) {
    const remedy = `${engine.runtime.kind} unpause ${subject.name ?? id}`;
    return down(engine, subject, `container ${subject.name ?? id} is paused`, remedy);
  }
  if (State.Running) return null;
  const end = `exited with code ${State.ExitCode} at ${State.FinishedAt}`;
  return down(engine, subject, `container ${subject.name ?? id} does not run: it ${end}`);
}

function down(
  engine: Engine,
  subject: Subject,
  message: string,
  remedy = "it is not started again within a run",
): Outcome {
  const found = { code: "CONTAINER_NOT_RUNNING", message, remedy } as const;
  return failedWith(describe(engine.runtime, found, subject));
}

function noCommand(engine: Engine, subject: Subject): Outcome {
  const found = {
    code: "SPEC_INVALID",
    message: "there is no command to execute",
    remedy: "write one",
  } as const;
  return failedWith(describe(engine.runtime, found, subject));
}

/** What a lost connection took with it cannot be read again: the command is not left to run on unseen (F64). */
async function judgeLost(
  engine: Engine,
  id: string,
  subject: Subject,
  error: EngineError,
  sweep: () => Promise<Sweep>,
  signal: AbortSignal,
): Promise<Outcome> {
  if (isMissing(error)) return lostContainer(engine, subject, SETUP_EXIT_CODE);
  if (!isLost(error)) {
    return await isRunning(engine, id)
      ? failedBy(diagnose(engine.runtime, error, subject, signal))
      : lostContainer(engine, subject, SETUP_EXIT_CODE);
  }
  const back = await reconnect(engine, id, signal);
  if (back.ok && !back.value.State.Running) {
    return lostContainer(engine, subject, SETUP_EXIT_CODE, back.value.State);
  }
  const isSwept = back.ok && await sweep() !== "unknown";
  const message = `the connection to ${engine.runtime.kind} was lost while the command ran`;
  const remedy = isSwept
    ? "the command was killed, since its output and its end could not be known any more"
    : "the command may still run in the container";
  const found = { code: "ENGINE_LOST", message, remedy } as const;
  const failure = describe(engine.runtime, found, subject, error.message);
  return failedWith(failure);
}

function lostContainer(
  engine: Engine,
  subject: Subject,
  exitCode: number,
  state: ContainerState | null = null,
): Outcome {
  const end = state === null ? "" : `; it ended with code ${state.ExitCode} at ${state.FinishedAt}`;
  const message = `container ${subject.name ?? ""} was stopped or removed while the command ran in it${end}`;
  const remedy = "find out who stopped it; later steps cannot use it";
  const failure = describe(engine.runtime, { code: "CONTAINER_LOST", message, remedy }, subject);
  return failedWith(failure, exitCode);
}

const LOOK_MS = 10_000;

/** Docker tells the end of what it killed with the container before that of the container. */
async function isGoing(engine: Engine, id: string): Promise<boolean> {
  return !await isRunning(engine, id) || await isVanishing(engine, id) || !await isRunning(engine, id);
}

async function isRunning(engine: Engine, id: string): Promise<boolean> {
  const reply = await inspectContainer(engine.socket, id, AbortSignal.timeout(LOOK_MS));
  return reply.ok && reply.value.State.Running;
}
