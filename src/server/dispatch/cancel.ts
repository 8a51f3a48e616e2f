/** Stopping a run (CN-01, CN-02, CN-06): at once when nothing runs, by a directive when something does. */
import type { ServerPorts } from "../ports.ts";
import type { ServerSettings } from "../settings.ts";
import { insertDirective, lockLiveAttempt, updateAttempt } from "../store/attempts.ts";
import { dequeueRun } from "../store/queue.ts";
import type { Transaction } from "../store/db.ts";
import { runsInOvertime } from "../store/overdue.ts";
import { endOpenSteps } from "../store/steps.ts";
import { awaitedBy, finishRun, getRun, lockRun, statusOf, updateRun } from "../store/runs.ts";
import { resumeSoon } from "./awaited.ts";
import { type Refusal, refuse } from "./refusal.ts";
import type { RunnerChoice } from "./selector.ts";
import { stopWaiting } from "./stop-waiting.ts";

/**
 * How long a runner has to confirm a stop before the run ends without it. Shorter than the patience with an unreachable
 * runner: whoever stops a run has given it up, and the fence keeps a late runner from changing anything.
 */
const CONFIRM_MS = 300_000;
const FORCED_CONFIRM_MS = 30_000;

export async function stopRun(
  ports: ServerPorts,
  settings: ServerSettings,
  run: { readonly name: string; readonly dagRunId: string },
  by: string,
  isForced: boolean,
  /** Of the handlers of a run that waits. */
  choice: RunnerChoice = { selector: {} },
): Promise<{ ok: true } | Refusal> {
  const found = await getRun(ports.db, run.name, run.dagRunId);
  if (found === null) return refuse("not_found", `there is no run ${run.name}:${run.dagRunId}`);
  const stop: Stop = { by, reason: "user", isForced, confirmMs: confirmMs(settings, isForced), choice };
  const stopped = await ports.db.transaction((tx) => stopWithAwaited(tx, ports, found.id, stop));
  if (stopped === null) {
    return refuse(
      "not_running",
      `run ${found.name}:${found.dagRunId} is ${statusOf(found.status)}, not running`,
    );
  }
  notifyStopped(ports, stopped);
  if (found.parentId !== null) resumeSoon(ports, found.parentId);
  return { ok: true };
}

/** A run that goes on beyond its time ends as if its runner had kept the time (TO-02, TO-03); its sub-runs are stopped. */
export async function stopOvertime(
  ports: ServerPorts,
  settings: ServerSettings,
  runId: string,
): Promise<void> {
  const confirm = { isForced: false, confirmMs: confirmMs(settings, false) };
  const stopped = await ports.db.transaction(async (tx) => {
    const run = await lockRun(tx, runId);
    if (run === null) return null;
    const now = new Date(ports.clock.now());
    // It may have ended, and begun again, since it was found.
    if ((await runsInOvertime(tx, now, settings.overtime, runId)).length === 0) return null;
    const limitMs = run.timeoutSec > 0 ? run.timeoutSec * 1_000 : settings.overtime.maxMs;
    const own = await stopHeld(tx, ports, runId, { ...confirm, by: "timeout", reason: "timeout", limitMs });
    const below: Stop = { ...confirm, by: "its parent's time limit", reason: "user" };
    return own === null ? null : [own, ...await stopAwaited(tx, ports, runId, below)];
  });
  if (stopped === null) return;
  ports.log.warn("run stopped: its time is over", { run: runId });
  notifyStopped(ports, stopped);
}

export interface Stop {
  readonly by: string;
  /** `timeout`: the run's time is over, of which it had `limitMs`. */
  readonly reason: "user" | "timeout";
  readonly limitMs?: number;
  readonly isForced: boolean;
  /** Beside what the workflow may take to clean up, which a forced stop skips. */
  readonly confirmMs: number;
  readonly choice?: RunnerChoice;
}

export interface Stopped {
  readonly runId: string;
  /** Who is to be told; null: nobody executes it. */
  readonly runnerId: string | null;
  /** Its handlers are left to run. */
  readonly isQueued?: boolean;
}

export function confirmMs(settings: ServerSettings, isForced: boolean): number {
  return settings.runner.leaseMs + (isForced ? FORCED_CONFIRM_MS : CONFIRM_MS);
}

export function notifyStopped(ports: Pick<ServerPorts, "wake">, stopped: readonly Stopped[]): void {
  for (const { runId, runnerId, isQueued } of stopped) {
    if (isQueued === true) ports.wake.notify("ready");
    if (runnerId !== null) ports.wake.notify(`runner:${runnerId}`);
    ports.wake.notify(`run:${runId}`);
  }
}

/** The run, and what its steps wait for; null: it has ended. */
export async function stopWithAwaited(
  tx: Transaction,
  ports: Pick<ServerPorts, "clock" | "ids">,
  runId: string,
  stop: Stop,
): Promise<Stopped[] | null> {
  const own = await stopHeld(tx, ports, runId, stop);
  return own === null ? null : [own, ...await stopAwaited(tx, ports, runId, stop)];
}

/**
 * Stops what steps of the run wait for, and what that waits for (CN-05): whoever executes the run may be unable to. Parents
 * are held before their children, as everywhere.
 */
export async function stopAwaited(
  tx: Transaction,
  ports: Pick<ServerPorts, "clock" | "ids">,
  runId: string,
  stop: Stop,
): Promise<Stopped[]> {
  const stopped: Stopped[] = [];
  for (const id of await awaitedBy(tx, runId)) {
    const one = await stopHeld(tx, ports, id, stop);
    if (one !== null) stopped.push(one);
  }
  return stopped;
}

/** null: it has ended. */
async function stopHeld(
  tx: Transaction,
  ports: Pick<ServerPorts, "clock" | "ids">,
  runId: string,
  { by, reason, limitMs, isForced, confirmMs, choice = { selector: {} } }: Stop,
): Promise<Stopped | null> {
  const now = new Date(ports.clock.now());
  const held = await lockRun(tx, runId);
  const status = held === null ? "failed" : statusOf(held.status);
  const failure = { code: "CANCELLED" as const, message: `stopped by ${by}`, remedy: "" };
  // A sub-run ends at once: the one above it is not to wait for what is stopped with it.
  const isAsked = held !== null && held.parentId === null && reason === "user" && !isForced;
  if (status === "waiting" && isAsked && await stopWaiting(tx, ports, held, failure, choice)) {
    return { runId, runnerId: null, isQueued: true };
  }
  if (status === "queued" || status === "waiting") {
    await dequeueRun(tx, runId);
    await endOpenSteps(tx, runId, "aborted", now.getTime());
    await finishRun(tx, runId, { status: "aborted", reason: "cancelled", failure, finishedAt: now });
    return { runId, runnerId: null };
  }
  const attempt = await lockLiveAttempt(tx, runId);
  if (held === null || attempt === null) return null;
  const deadlineMs = now.getTime() + confirmMs + (isForced ? 0 : held.cleanUpSec * 1_000);
  await updateAttempt(tx, attempt.id, {
    state: "cancelling",
    cancelRequestedAt: attempt.cancelRequestedAt ?? now,
    cancelDeadline: new Date(
      Math.min(attempt.cancelDeadline?.getTime() ?? Number.POSITIVE_INFINITY, deadlineMs),
    ),
  });
  await updateRun(tx, runId, { cancelRequestedAt: now, cancelBy: by, cancelReason: reason });
  await insertDirective(tx, {
    id: ports.ids.uuid(),
    runnerId: attempt.runnerId,
    attemptId: attempt.id,
    type: "cancel",
    data: {
      fence: attempt.fence,
      reason: by,
      force: isForced,
      ...(limitMs === undefined ? {} : { limitMs }),
    },
  }, now);
  return { runId, runnerId: attempt.runnerId };
}
