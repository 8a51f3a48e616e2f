/** Stopping a run (CN-01, CN-02, CN-06): at once when nothing runs, by a directive when something does. */
import type { ServerPorts } from "../ports.ts";
import type { ServerSettings } from "../settings.ts";
import { insertDirective, lockLiveAttempt, updateAttempt } from "../store/attempts.ts";
import { dequeueRun } from "../store/queue.ts";
import { childrenOf, finishRun, getRun, lockRun, type RunRow, statusOf, updateRun } from "../store/runs.ts";
import { type Refusal, refuse } from "./refusal.ts";

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
): Promise<{ ok: true } | Refusal> {
  const found = await getRun(ports.db, run.name, run.dagRunId);
  if (found === null) return refuse("not_found", `there is no run ${run.name}:${run.dagRunId}`);
  const now = new Date(ports.clock.now());
  const failure = { code: "CANCELLED" as const, message: `stopped by ${by}`, remedy: "" };
  const outcome = await ports.db.transaction(async (tx) => {
    const held = await lockRun(tx, found.id);
    const status = held === null ? "failed" : statusOf(held.status);
    if (status === "queued" || status === "waiting") {
      await dequeueRun(tx, found.id);
      await finishRun(tx, found.id, { status: "aborted", reason: "cancelled", failure, finishedAt: now });
      return { runnerId: null };
    }
    const attempt = await lockLiveAttempt(tx, found.id);
    if (attempt === null) return null;
    const confirmMs = settings.runner.leaseMs + (isForced ? FORCED_CONFIRM_MS : CONFIRM_MS);
    await updateAttempt(tx, attempt.id, {
      state: "cancelling",
      cancelRequestedAt: attempt.cancelRequestedAt ?? now,
      cancelDeadline: new Date(
        Math.min(attempt.cancelDeadline?.getTime() ?? Number.POSITIVE_INFINITY, now.getTime() + confirmMs),
      ),
    });
    await updateRun(tx, found.id, { cancelRequestedAt: now, cancelBy: by });
    await insertDirective(tx, {
      id: ports.ids.uuid(),
      runnerId: attempt.runnerId,
      attemptId: attempt.id,
      type: "cancel",
      data: { fence: attempt.fence, reason: by, force: isForced },
    }, now);
    return { runnerId: attempt.runnerId };
  });
  if (outcome === null) {
    return refuse(
      "not_running",
      `run ${found.name}:${found.dagRunId} is ${statusOf(found.status)}, not running`,
    );
  }
  await stopChildren(ports, settings, found, by, isForced);
  if (outcome.runnerId !== null) ports.wake.notify(`runner:${outcome.runnerId}`);
  ports.wake.notify(`run:${found.id}`);
  return { ok: true };
}

/**
 * Also the runs that its steps wait for, at every depth (CN-05). Its runner asks for the same, but may be gone: then nobody
 * else would (INV-17). What a step has only queued, and not waited for, stands for itself.
 */
async function stopChildren(
  ports: ServerPorts,
  settings: ServerSettings,
  { id }: Pick<RunRow, "id">,
  by: string,
  isForced: boolean,
): Promise<void> {
  for (const child of await childrenOf(ports.db, id)) {
    if (!child.needsSlot && ACTIVE.includes(statusOf(child.status))) {
      await stopRun(ports, settings, child, by, isForced);
    }
  }
}

const ACTIVE = ["queued", "not_started", "running", "waiting"];
