/**
 * From the attached stream of a started container to the state that it ended in. The end of the output comes first and the
 * exit code is asked for then: waiting costs Podman 250 ms (engine notes 2). A connection that is lost on the way is
 * taken up again where it broke, since containers may outlive their engine's API (F62).
 */
import type { OutputSink, Reporter, StreamName } from "../../run/ports.ts";
import { followLogs, inspectContainer, type Inspected, waitContainer } from "./api/container.ts";
import { type EngineError, engineError, isLost, isMissing, type Reply } from "./api/error.ts";
import type { ByteStream } from "./api/socket.ts";
import type { Engine } from "./engine.ts";
import { type Counts, drain } from "./output.ts";
import { isEndedByEngine } from "./restart.ts";
import { keepsText, newReplacementWatch, newTextLength } from "./text-log.ts";
import { pause } from "./waiting.ts";

/** Between the end of the output and the engine's knowing about it. */
const SETTLE_MS: readonly number[] = [1, 5, 20, 50];
const RECONNECT_PAUSE_MS = 500;

export interface Ended {
  readonly inspected: Inspected;
  /** Its engine was started anew meanwhile, which ended it (F63). */
  readonly isByEngine: boolean;
}

export async function readToEnd(
  engine: Engine,
  id: string,
  attached: ByteStream,
  isTerminal: boolean,
  sink: OutputSink,
  report: Reporter,
  signal: AbortSignal,
): Promise<Reply<Ended>> {
  const read: Counts = { stdout: 0, stderr: 0 };
  const inText = { stdout: newTextLength(), stderr: newTextLength() };
  const broken = await drain(attached, isTerminal, "container attach", sink, (stream, bytes) => {
    read[stream] += bytes.length;
    inText[stream].add(bytes);
  });
  if (broken !== null && !isLost(broken)) return { ok: false, error: broken };
  const ended = broken === null ? await look(engine, id, signal) : null;
  if (ended !== null && !ended.ok && !isLost(ended.error)) return ended;
  // Such a stream has no mark of its end: a process that goes on may have closed its outputs, or the line was cut.
  if (ended?.ok && !isActive(ended.value)) {
    return { ok: true, value: { inspected: ended.value, isByEngine: false } };
  }
  const told = { read, inText: { stdout: inText.stdout.bytes, stderr: inText.stderr.bytes } };
  const again = await rereadToEnd(engine, id, isTerminal, sink, report, signal, told);
  const isUnreadable = !again.ok && !isLost(again.error) && again.error.operation === LOGS;
  if (!ended?.ok || !isUnreadable) return again;
  // Nothing says that the line was cut, and there is no log to look into.
  const settled = await settle(engine, id, signal);
  return settled.ok ? { ok: true, value: { inspected: settled.value, isByEngine: false } } : settled;
}

const LOGS = "container logs";

/** What was read before, and how much of the log that is where the log is text. */
interface Told {
  readonly read: Readonly<Counts>;
  readonly inText: Readonly<Counts>;
}

const NOTHING: Counts = { stdout: 0, stderr: 0 };

/** From the engine's own record of the output, without the bytes that were read before. */
export async function rereadToEnd(
  engine: Engine,
  id: string,
  isTerminal: boolean,
  sink: OutputSink,
  report: Reporter,
  signal: AbortSignal,
  told: Told = { read: NOTHING, inText: NOTHING },
): Promise<Reply<Ended>> {
  const back = await reconnect(engine, id, signal);
  if (!back.ok) return back;
  const isText = await keepsText(engine, signal);
  const counts: Counts = { ...(isText ? told.inText : told.read) };
  const watches = { stdout: newReplacementWatch(), stderr: newReplacementWatch() };
  const onRead = (stream: StreamName, bytes: Uint8Array): void => {
    counts[stream] += bytes.length;
    if (isText) watches[stream].add(bytes);
  };
  const ended = await readLogs(engine, id, isTerminal, sink, counts, onRead, signal);
  if (!ended.ok) return ended;
  if (watches.stdout.hasSeen || watches.stderr.hasSeen) {
    const message =
      "output after a lost connection comes from the log of docker, which is text: what is not UTF-8 " +
      "stands there as U+FFFD";
    await report.note("warn", message);
  }
  const isByEngine = await isEndedByEngine(engine, ended.value, signal);
  return { ok: true, value: { inspected: ended.value, isByEngine } };
}

async function readLogs(
  engine: Engine,
  id: string,
  isTerminal: boolean,
  sink: OutputSink,
  counts: Readonly<Counts>,
  onRead: (stream: StreamName, bytes: Uint8Array) => void,
  signal: AbortSignal,
): Promise<Reply<Inspected>> {
  while (true) {
    const back = await reconnect(engine, id, signal);
    if (!back.ok) return back;
    // Once it has ended, all that there is comes without waiting for more.
    const isFollowed = isActive(back.value);
    const logs = await followLogs(engine.socket, id, isFollowed, signal);
    if (!logs.ok && !isLost(logs.error)) return logs;
    const broken = logs.ok
      ? await drain(logs.value, isTerminal, LOGS, sink, onRead, { ...counts })
      : logs.error;
    if (broken !== null && !isLost(broken)) return { ok: false, error: broken };
    if (broken !== null) continue;
    const ended = await settle(engine, id, signal);
    // What a follower was told may lack the last lines: they are read once more from the whole.
    if (isFollowed && ended.ok) continue;
    if (ended.ok || !isLost(ended.error)) return ended;
  }
}

/** What it is shortly after the end of its output. */
async function look(engine: Engine, id: string, signal: AbortSignal): Promise<Reply<Inspected>> {
  for (const ms of SETTLE_MS) {
    const reply = await inspectContainer(engine.socket, id, signal);
    if (!reply.ok || !isActive(reply.value)) return reply;
    await pause(ms, signal);
  }
  return await inspectContainer(engine.socket, id, signal);
}

/** The container after its process ended; it may have closed its outputs long before. */
async function settle(engine: Engine, id: string, signal: AbortSignal): Promise<Reply<Inspected>> {
  const seen = await look(engine, id, signal);
  if (!seen.ok || !isActive(seen.value)) return seen;
  const waited = await waitContainer(engine.socket, id, signal);
  if (!waited.ok) return waited;
  if (waited.value !== null) return { ok: false, error: goneError(waited.value) };
  return await inspectContainer(engine.socket, id, signal);
}

function isActive({ State }: Inspected): boolean {
  return State.Running || State.Status === "stopping";
}

/** Podman answers a wait for a removed container with success, code 0 and these words (4.1.4). */
function goneError(words: string): EngineError {
  return engineError("answered", "container wait", words, { status: 404, cause: words });
}

/** Asks for the container until the engine answers, as long as it may take to come back (F62). */
export async function reconnect(engine: Engine, id: string, signal: AbortSignal): Promise<Reply<Inspected>> {
  const until = performance.now() + engine.limits.reconnectMs;
  while (true) {
    const reply = await inspectContainer(engine.socket, id, signal);
    if (reply.ok || !isLost(reply.error) || isMissing(reply.error)) return reply;
    if (performance.now() >= until) return reply;
    await pause(RECONNECT_PAUSE_MS, signal);
  }
}
