/** Giving a run back to the queue because its attempt never got going (RT-08), or giving it up. */
import type { ServerPorts } from "../ports.ts";
import { endAttempt, isLive, lockRunAndAttempt } from "../store/attempts.ts";
import { enqueueRun } from "../store/queue.ts";
import { codeOf, finishRun, updateRun } from "../store/runs.ts";
import { PRIORITY } from "./plan.ts";
import { queueEntryOf } from "./queue-entry.ts";

const MAX_REQUEUES = 5;
const DELAYS_MS = [1_000, 5_000, 15_000, 60_000, 60_000] as const;
/** Nothing of the user's has run as far as anybody knows. Answers what became of the run; null: it was not ours to give back. */
export async function requeueAttempt(
  ports: ServerPorts,
  attemptId: string,
  state: "expired" | "declined" | "handed_back",
  options: { readonly excludeRunner: boolean },
): Promise<"requeued" | "failed" | null> {
  const now = new Date(ports.clock.now());
  const outcome = await ports.db.transaction(async (tx) => {
    const held = await lockRunAndAttempt(tx, attemptId);
    if (held === null || !isLive(held.attempt) || held.attempt.startedAt !== null) return null;
    const { run, attempt } = held;
    await endAttempt(tx, attempt.id, { state, reason: state }, now);
    if (attempt.cancelRequestedAt !== null) {
      await finishRun(tx, run.id, { status: "aborted", reason: "cancelled", failure: null, finishedAt: now });
      return "failed";
    }
    if (run.requeues >= MAX_REQUEUES) {
      const message = `the run was given to runners ${run.requeues + 1} times and never started`;
      const failure = { code: "DISPATCH_EXHAUSTED" as const, message, remedy: "look at the runners' logs" };
      await finishRun(tx, run.id, {
        status: "failed",
        reason: "dispatch_exhausted",
        failure,
        finishedAt: now,
      });
      return "failed";
    }
    await updateRun(tx, run.id, {
      status: codeOf("queued"),
      requeues: run.requeues + 1,
      queuedAt: now,
      runnerId: null,
    });
    const delayMs = state === "handed_back" ? 0 : DELAYS_MS[run.requeues] ?? 60_000;
    await enqueueRun(tx, {
      ...queueEntryOf(run),
      priority: Math.min(PRIORITY.retry, run.priority),
      excluded: options.excludeRunner ? [attempt.runnerId] : [],
    }, new Date(now.getTime() + delayMs));
    return "requeued";
  });
  if (outcome !== null) ports.wake.notify("ready");
  return outcome;
}
