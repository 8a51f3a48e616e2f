/** Ends what nobody keeps alive any more (4.9), never because of an outage of our own (LO-05). */
import type { RunStatus } from "../../run/event.ts";
import type { Failure } from "../../run/failure.ts";
import { requeueAttempt } from "../dispatch/requeue.ts";
import type { ServerPorts } from "../ports.ts";
import type { ServerSettings } from "../settings.ts";
import {
  type DueAttempt,
  dueAttempts,
  endAttempt,
  extendLeases,
  isLive,
  lockRunAndAttempt,
} from "../store/attempts.ts";
import type { Db } from "../store/db.ts";
import { beat } from "../store/runners.ts";
import { finishRun } from "../store/runs.ts";
import { endOpenSteps } from "../store/steps.ts";

/** Idempotent, safe to run concurrently: every item is a transaction of its own that looks again under its locks. */
export async function sweepLeases(ports: ServerPorts, settings: ServerSettings): Promise<void> {
  const now = new Date(ports.clock.now());
  const gapMs = await forgiveOutage(ports.db, settings, now);
  if (gapMs > 0) ports.log.info("leases extended after an outage of the control plane", { gapMs });
  for (const due of await dueAttempts(ports.db, now)) {
    if (due.due === "not_started") {
      await requeueAttempt(ports, due.attemptId, "expired", { excludeRunner: false });
    } else await endFromOutside(ports, due);
  }
}

/**
 * Notes that we are up; a gap that is too long for a missed beat means that no runner could be heard, and every lease gets
 * that time back (LO-05). One transaction, because a second sweep that sees the new beat must see the new leases too.
 * Answers the gap in milliseconds; 0: none.
 */
async function forgiveOutage(db: Db, settings: ServerSettings, now: Date): Promise<number> {
  return await db.transaction(async (tx) => {
    const gapMs = await beat(tx, now);
    if (gapMs <= settings.outageMs) return 0;
    await extendLeases(tx, gapMs + settings.runner.leaseMs);
    return gapMs;
  });
}

async function endFromOutside(ports: ServerPorts, due: DueAttempt): Promise<void> {
  const now = new Date(ports.clock.now());
  const isCancel = due.due === "cancel_overdue";
  const status: RunStatus = isCancel ? "aborted" : "failed";
  const failure: Failure = isCancel
    ? {
      code: "CANCELLED",
      message: "stopped; the runner never confirmed it",
      remedy: "look after the runner's machine",
    }
    : {
      code: "RUNNER_LOST",
      message: "the runner was not heard of for longer than its patience",
      remedy: "look after the runner's machine; start the run again",
    };
  const isEnded = await ports.db.transaction(async (tx) => {
    const held = await lockRunAndAttempt(tx, due.attemptId);
    if (held === null || !isLive(held.attempt)) return false;
    // Its runner may have come back since it was found (TX-08).
    if ((await dueAttempts(tx, now, due.attemptId)).length === 0) return false;
    await endAttempt(tx, held.attempt.id, {
      state: isCancel ? "aborted" : "lost",
      reason: failure.code.toLowerCase(),
    }, now);
    await endOpenSteps(tx, held.run.id, isCancel ? "aborted" : "failed", now.getTime());
    await finishRun(tx, held.run.id, {
      status,
      reason: isCancel ? "cancelled" : "runner_lost",
      failure,
      finishedAt: now,
    });
    return true;
  });
  if (!isEnded) return;
  ports.log.warn("attempt ended from outside", { attempt: due.attemptId, run: due.runId, why: due.due });
  ports.wake.notify("ready");
  ports.wake.notify(`run:${due.runId}`);
}
