/** A runner's process was started anew: which of its attempts are still its own (M16, RS-01). */
import type { ReattachAnswer, ReattachReply, ReattachRequest } from "../../protocol/reattach.ts";
import type { ServerPorts } from "../ports.ts";
import type { ServerSettings } from "../settings.ts";
import { getAttempt, isLive, raiseBoot, renewLeases } from "../store/attempts.ts";
import { settledStreams } from "../store/logs.ts";
import type { RunnerRow } from "../store/runners.ts";
import { readGrants } from "./grants.ts";

/** The lease of what goes on counts anew from here, as by a heartbeat. */
export async function reattach(
  ports: ServerPorts,
  settings: ServerSettings,
  runner: RunnerRow,
  request: ReattachRequest,
  boot: number,
): Promise<ReattachReply> {
  // Nothing of the process before may come in between what is answered here and what the new one goes on with.
  await raiseBoot(ports.db, runner.id, request.attempts.map(({ attemptId }) => attemptId), boot);
  // Renewed first: whoever is told to go on must hold its lease, also when a sweep comes in between.
  const expiresAt = new Date(ports.clock.now() + settings.runner.leaseMs);
  const renewed = await renewLeases(ports.db, runner.id, request.attempts, expiresAt);
  const attempts: ReattachAnswer[] = [];
  for (const held of request.attempts) {
    attempts.push(await judge(ports, settings, runner, held, renewed.has(held.attemptId)));
  }
  return { attempts };
}

async function judge(
  ports: ServerPorts,
  settings: ServerSettings,
  runner: RunnerRow,
  { attemptId, fence }: ReattachRequest["attempts"][number],
  isHeld: boolean,
): Promise<ReattachAnswer> {
  const attempt = await getAttempt(ports.db, attemptId);
  if (attempt === null || attempt.runnerId !== runner.id || attempt.fence !== fence) {
    return { attemptId, verdict: "discard" };
  }
  // Of an attempt that is over, logs may still come for a while (EV-03).
  if (!isHeld || !isLive(attempt)) return { attemptId, verdict: "finish", status: "failed" };
  if (attempt.cancelRequestedAt !== null) return { attemptId, verdict: "finish", status: "aborted" };
  const [grant] = await readGrants(ports.db, settings, [attemptId], true);
  if (grant === undefined) return { attemptId, verdict: "discard" };
  const logs = await ports.db.transaction((tx) => settledStreams(tx, attempt.runId, attempt.fence));
  return { attemptId, verdict: "continue", grant, logs };
}
