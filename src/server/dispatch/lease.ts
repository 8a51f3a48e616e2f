/** One heartbeat keeps all attempts of a runner (M5). */
import type { HeartbeatReply, HeartbeatRequest } from "../../protocol/messages.ts";
import type { ServerPorts } from "../ports.ts";
import type { ServerSettings } from "../settings.ts";
import { acknowledgeDirectives, getAttempt, missAttempts, renewLeases } from "../store/attempts.ts";
import { isNewestBeat, markSeen, type RunnerRow } from "../store/runners.ts";
import { readDirectives } from "./directives.ts";
import { endFromOutside } from "./end.ts";
import { graceOf } from "./patience.ts";

/** A lease counts from the moment its row is written, so that the runner's own view always ends first. */
export async function heartbeat(
  ports: ServerPorts,
  settings: ServerSettings,
  runner: RunnerRow,
  request: HeartbeatRequest,
  /** Number of the process that speaks; 0: it counts no starts. */
  boot = 0,
): Promise<HeartbeatReply> {
  const now = new Date(ports.clock.now());
  await markSeen(ports.db, { runnerId: runner.id, free: request.free, spoolBytes: request.spoolBytes }, now);
  await acknowledgeDirectives(ports.db, runner.id, request.ackDirectives, now);
  // Renewed first: whoever is told that it holds its lease must hold it, also when a sweep comes in between.
  const expiresAt = new Date(now.getTime() + settings.runner.leaseMs);
  const renewed = await renewLeases(ports.db, runner.id, request.attempts, expiresAt);
  if (boot > 0 && request.beat !== undefined) {
    await giveUpForgotten(ports, settings, runner, request, boot * BEATS + request.beat);
  }
  const attempts = await Promise.all(request.attempts.map(async (held) => {
    const attempt = await getAttempt(ports.db, held.attemptId);
    const status = attempt === null || attempt.runnerId !== runner.id
      ? "unknown" as const
      : attempt.fence !== held.fence
      ? "fenced" as const
      : renewed.has(attempt.id)
      ? "ok" as const
      : attempt.endedAt !== null && held.lastSeq <= attempt.ackSeq
      ? "finished" as const
      : "fenced" as const;
    const { leaseMs } = settings.runner;
    const graceMs = renewed.get(held.attemptId) ?? 0;
    return { attemptId: held.attemptId, status, leaseMs, graceMs, ackSeq: attempt?.ackSeq ?? 0 };
  }));
  return { attempts, directives: await readDirectives(ports.db, runner.id) };
}

/** More beats than a process lives for. */
const BEATS = 1_000_000_000;

/**
 * What has begun and is not named is not there any more: its runner broke over it, or could not read what an earlier process
 * left. Nobody would tell of it, and it would seem to run for as long as its runner is waited for. Told twice by one process,
 * since the first may have been sent before the attempt began; the second was sent when the first had been answered.
 */
async function giveUpForgotten(
  ports: ServerPorts,
  settings: ServerSettings,
  runner: RunnerRow,
  { attempts }: HeartbeatRequest,
  beat: number,
): Promise<void> {
  if (!await isNewestBeat(ports.db, runner.id, beat)) return;
  const named = attempts.map(({ attemptId }) => attemptId);
  for (const { attemptId, before } of await missAttempts(ports.db, runner.id, named, beat)) {
    if (Math.floor(before / BEATS) !== Math.floor(beat / BEATS)) continue;
    await endFromOutside(ports, attemptId, {
      state: "lost",
      reason: "runner_lost",
      failure: {
        code: "RUNNER_LOST",
        message: `runner ${runner.name} is there, and does not have the run any more`,
        remedy: "look at the runner's log; start the run again",
      },
      // Something of it may still run there.
      retryAt: (run) => new Date(ports.clock.now() + settings.runner.leaseMs + graceOf(settings, run)),
    });
    ports.log.warn("attempt given up by its runner", { attempt: attemptId, runner: runner.id });
  }
}
