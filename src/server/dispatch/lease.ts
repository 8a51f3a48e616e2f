/** One heartbeat keeps all attempts of a runner (M5). */
import type { HeartbeatReply, HeartbeatRequest } from "../../protocol/messages.ts";
import type { ServerPorts } from "../ports.ts";
import type { ServerSettings } from "../settings.ts";
import { acknowledgeDirectives, getAttempt, renewLeases } from "../store/attempts.ts";
import { markSeen, type RunnerRow } from "../store/runners.ts";
import { readDirectives } from "./directives.ts";

/** A lease counts from the moment its row is written, so that the runner's own view always ends first. */
export async function heartbeat(
  ports: ServerPorts,
  settings: ServerSettings,
  runner: RunnerRow,
  request: HeartbeatRequest,
): Promise<HeartbeatReply> {
  const now = new Date(ports.clock.now());
  await markSeen(ports.db, { runnerId: runner.id, free: request.free, spoolBytes: request.spoolBytes }, now);
  await acknowledgeDirectives(ports.db, runner.id, request.ackDirectives, now);
  // Renewed first: whoever is told that it holds its lease must hold it, also when a sweep comes in between.
  const expiresAt = new Date(now.getTime() + settings.runner.leaseMs);
  const renewed = await renewLeases(ports.db, runner.id, request.attempts, expiresAt);
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
