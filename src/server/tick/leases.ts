/** Ends what nobody keeps alive any more (4.9), never because of an outage of our own (LO-05). */
import type { RunStatus } from "../../run/event.ts";
import type { Failure } from "../../run/failure.ts";
import { endAttempt, finishRun, lockRunAndAttempt } from "../dispatch/finish.ts";
import { requeueAttempt } from "../dispatch/requeue.ts";
import type { ServerPorts } from "../ports.ts";
import type { ServerSettings } from "../settings.ts";
import { type DueAttempt, dueAttempts, extendLeases, isLive } from "../store/attempts.ts";
import { beat } from "../store/runners.ts";
import { endOpenSteps } from "../store/steps.ts";

/** A gap between two beats that is longer means that the control plane was not there to hear runners. */
const OUTAGE_MS = 30_000;

/** Idempotent, safe to run concurrently: every item is a transaction of its own that looks again under its locks. */
export async function sweepLeases(ports: ServerPorts, settings: ServerSettings): Promise<void> {
  const now = new Date(ports.clock.now());
  const gapMs = await beat(ports.db, now);
  if (gapMs > OUTAGE_MS) {
    await extendLeases(ports.db, gapMs + settings.runner.leaseMs);
    ports.log.info("leases extended after an outage of the control plane", { gapMs: Math.round(gapMs) });
    return;
  }
  for (const due of await dueAttempts(ports.db, now)) {
    if (due.due === "not_started") {
      await requeueAttempt(ports, due.attemptId, "expired", { excludeRunner: false });
    } else await endFromOutside(ports, due);
  }
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
    await endAttempt(tx, held.attempt, {
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
