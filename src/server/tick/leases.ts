/** Ends what nobody keeps alive any more (4.9), never because of an outage of our own (LO-05). */
import { confirmMs, notifyStopped, type Stop, stopAwaited, type Stopped } from "../dispatch/cancel.ts";
import { endFromOutside, type OutsideEnd } from "../dispatch/end.ts";
import { requeueAttempt } from "../dispatch/requeue.ts";
import type { ServerPorts } from "../ports.ts";
import type { ServerSettings } from "../settings.ts";
import { type DueAttempt, dueAttempts, extendLeases } from "../store/attempts.ts";
import type { Db } from "../store/db.ts";
import { beat, beatInTime } from "../store/runners.ts";
import { oneByOne } from "./one-by-one.ts";

/** Idempotent, safe to run concurrently: every item is a transaction of its own that looks again under its locks. */
export async function sweepLeases(ports: ServerPorts, settings: ServerSettings): Promise<void> {
  const now = new Date(ports.clock.now());
  const gapMs = await forgiveOutage(ports.db, settings, now);
  if (gapMs > 0) ports.log.info("leases extended after an outage of the control plane", { gapMs });
  await oneByOne(ports, await dueAttempts(ports.db, now), async (due) => {
    if (due.due === "not_started") {
      await requeueAttempt(ports, due.attemptId, "expired", { excludeRunner: true });
    } else await endDue(ports, settings, due);
  }, ({ attemptId, runId }) => ({ attempt: attemptId, run: runId }));
}

/**
 * Notes that we are up; a gap that is too long for a missed beat means that no runner could be heard, and every lease gets
 * that time back (LO-05). One transaction, because a second sweep that sees the new beat must see the new leases too.
 * Answers the gap in milliseconds; 0: none.
 */
async function forgiveOutage(db: Db, settings: ServerSettings, now: Date): Promise<number> {
  if (await beatInTime(db, now, settings.outageMs)) return 0;
  return await db.transaction(async (tx) => {
    const gapMs = await beat(tx, now);
    if (gapMs <= settings.outageMs) return 0;
    await extendLeases(tx, gapMs + settings.runner.leaseMs);
    return gapMs;
  });
}

async function endDue(ports: ServerPorts, settings: ServerSettings, due: DueAttempt): Promise<void> {
  const now = new Date(ports.clock.now());
  const stopped: Stopped[] = [];
  const isStop = due.due !== "lost";
  const stop: Stop = {
    by: "its parent's stop",
    reason: "user",
    isForced: false,
    confirmMs: confirmMs(settings, false),
  };
  const isEnded = await endFromOutside(
    ports,
    due.attemptId,
    endOf(due),
    // Its runner may have come back since it was found (TX-08).
    async (tx) => (await dueAttempts(tx, now, due.attemptId)).length > 0,
    // A handler of the stop may have started sub-runs since (INV-17).
    async (tx) => {
      if (isStop) stopped.push(...await stopAwaited(tx, ports, due.runId, stop));
    },
  );
  notifyStopped(ports, stopped);
  if (isEnded) {
    ports.log.warn("attempt ended from outside", { attempt: due.attemptId, run: due.runId, why: due.due });
  }
}

/** Whoever starts it again may do so while its old machine, which nobody reaches, still works for it. */
const UNCONFIRMED = "look after the runner's machine, which may still be at work for it, before you retry it";

function endOf({ due }: DueAttempt): OutsideEnd {
  if (due === "cancel_overdue") {
    const message = "stopped; the runner never confirmed it";
    const failure = { code: "CANCELLED" as const, message, remedy: UNCONFIRMED };
    return { state: "aborted", reason: "cancelled", failure };
  }
  if (due === "overtime") {
    const message = "the run's time was over; the runner never confirmed its stop";
    const failure = { code: "RUN_TIMEOUT" as const, message, remedy: UNCONFIRMED };
    return { state: "aborted", reason: "timeout", failure };
  }
  const message = "the runner was not heard of for longer than its patience";
  const remedy = "look after the runner's machine; start the run again";
  return { state: "lost", reason: "runner_lost", failure: { code: "RUNNER_LOST", message, remedy } };
}
