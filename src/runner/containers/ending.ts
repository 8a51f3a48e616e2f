/**
 * From the attached stream of a started container to the state that it ended in. The end of the output comes first and the
 * exit code is asked for then: waiting costs Podman 250 ms (engine notes 2). A connection that is lost on the way is
 * taken up again where it broke, since containers may outlive their engine's API (F62).
 */
import type { OutputSink } from "../../run/ports.ts";
import { followLogs, inspectContainer, type Inspected, waitContainer } from "./api/container.ts";
import { type EngineError, engineError, isLost, isMissing, type Reply } from "./api/error.ts";
import type { ByteStream } from "./api/socket.ts";
import type { Engine } from "./engine.ts";
import { type Counts, drain } from "./output.ts";
import { pause } from "./waiting.ts";

/** Between the end of the output and the engine's knowing about it. */
const SETTLE_MS: readonly number[] = [0, 1, 5, 20, 50];
const RECONNECT_PAUSE_MS = 500;

export async function readToEnd(
  engine: Engine,
  id: string,
  attached: ByteStream,
  isTerminal: boolean,
  sink: OutputSink,
  signal: AbortSignal,
): Promise<Reply<Inspected>> {
  const counts: Counts = { stdout: 0, stderr: 0 };
  const broken = await drain(attached, isTerminal, "container attach", sink, counts);
  if (broken !== null && !isLost(broken)) return { ok: false, error: broken };
  const ended = broken === null ? await settle(engine, id, signal) : null;
  return ended !== null && (ended.ok || !isLost(ended.error))
    ? ended
    : await rereadToEnd(engine, id, isTerminal, sink, signal, counts);
}

/** From the engine's own record of the output, without the bytes that were read before. */
export async function rereadToEnd(
  engine: Engine,
  id: string,
  isTerminal: boolean,
  sink: OutputSink,
  signal: AbortSignal,
  counts: Counts = { stdout: 0, stderr: 0 },
): Promise<Reply<Inspected>> {
  while (true) {
    const back = await reconnect(engine, id, signal);
    if (!back.ok) return back;
    // Once it has ended, all that there is comes without waiting for more.
    const isFollowed = isActive(back.value);
    const logs = await followLogs(engine.socket, id, isFollowed, signal);
    if (!logs.ok && !isLost(logs.error)) return logs;
    const broken = logs.ok
      ? await drain(logs.value, isTerminal, "container logs", sink, counts, { ...counts })
      : logs.error;
    if (broken !== null && !isLost(broken)) return { ok: false, error: broken };
    if (broken !== null) continue;
    const ended = await settle(engine, id, signal);
    // What a follower was told may lack the last lines: they are read once more from the whole.
    if (isFollowed && ended.ok) continue;
    if (ended.ok || !isLost(ended.error)) return ended;
  }
}

/** The container after its process ended; it may have closed its outputs long before. */
async function settle(engine: Engine, id: string, signal: AbortSignal): Promise<Reply<Inspected>> {
  for (const ms of SETTLE_MS) {
    if (ms > 0) await pause(ms, signal);
    const reply = await inspectContainer(engine.socket, id, signal);
    if (!reply.ok || !isActive(reply.value)) return reply;
  }
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
