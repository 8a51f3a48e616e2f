/** The end of a container, on deadlines of its own: nothing that stopped the work may keep us from cleaning up (3.8.1). */
import type { Reporter } from "../../run/ports.ts";
import { inspectContainer, killContainer, removeContainer, stopContainer } from "./api/container.ts";
import { type EngineError, isMissing, type Reply } from "./api/error.ts";
import type { Engine } from "./engine.ts";
import { shortId } from "./names.ts";
import { pause } from "./waiting.ts";

const PHASE_MS = 10_000;
const STOP_GRACE_SEC = 5;

/** After its work has ended. What is meant to stay is only stopped. */
export async function release(
  engine: Engine,
  id: string,
  isKept: boolean,
  report: Reporter,
): Promise<void> {
  if (isKept) return await complain(engine, await kill(engine, id), id, "kill", report);
  await removeQuietly(engine, id, report);
}

/** Of a container that holds several commands: it is asked to end first, as an image may have something to tidy. */
export async function releaseBackground(
  engine: Engine,
  id: string,
  isKept: boolean,
  report: Reporter,
): Promise<void> {
  const stopped = await stopContainer(engine.socket, id, STOP_GRACE_SEC, AbortSignal.timeout(PHASE_MS));
  if (isKept) return await complain(engine, stopped, id, "stop", report);
  await removeQuietly(engine, id, report);
}

const VANISH_MS: readonly number[] = [0, 20, 60, 150, 300];

/** Whether somebody else is taking it away: a removal by force kills first, and the code is there before it is gone (F59). */
export async function isVanishing(engine: Engine, id: string): Promise<boolean> {
  const deadline = AbortSignal.timeout(PHASE_MS);
  for (const ms of VANISH_MS) {
    await pause(ms, deadline);
    const reply = await inspectContainer(engine.socket, id, deadline);
    if (reply.ok ? /removing|dead/.test(reply.value.State.Status) : isMissing(reply.error)) return true;
  }
  return false;
}

export async function removeQuietly(engine: Engine, target: string, report: Reporter): Promise<void> {
  const removed = await removeContainer(engine.socket, target, true, AbortSignal.timeout(PHASE_MS));
  await complain(engine, removed, target, "rm --force --volumes", report);
}

function kill(engine: Engine, id: string): Promise<Reply<unknown>> {
  return killContainer(engine.socket, id, "KILL", AbortSignal.timeout(PHASE_MS));
}

const FULL_ID = /^[0-9a-f]{64}$/;

/** A failed clean-up changes no result (3.8.4); the reaper tries again (B02). `how`: what a person would do (F70). */
async function complain(
  { runtime }: Engine,
  reply: Reply<unknown>,
  target: string,
  how: string,
  report: Reporter,
): Promise<void> {
  if (reply.ok || isOver(reply.error)) return;
  const id = FULL_ID.test(target) ? shortId(target) : target;
  const what = `CLEANUP_FAILED: container ${id} may be left: ${reply.error.message.trim()}`;
  await report.note("warn", `${what}; the runner tries again, or: ${runtime.kind} ${how} ${id}`);
}

/** Gone, stopped, or somebody else is at it: all that was wanted (3.8.2, F71). */
export function isOver(error: EngineError): boolean {
  return isMissing(error) ||
    /is not running|can only kill running|state improper|removal .* already in progress/i.test(
      error.cause + error.message,
    );
}
