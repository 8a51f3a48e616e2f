/** The end of an attempt, whoever ends it: slot, lease and directives go in the same transaction as the run's new state (TX-04). */
import type { RunStatus } from "../../run/event.ts";
import type { Failure } from "../../run/failure.ts";
import {
  type AttemptRow,
  type AttemptState,
  deleteLease,
  getAttempt,
  lockAttempt,
  updateAttempt,
  voidDirectives,
} from "../store/attempts.ts";
import type { Transaction } from "../store/db.ts";
import { freeSlots } from "../store/queue.ts";
import { codeOf, lockRun, type RunRow, updateRun } from "../store/runs.ts";

/** Both rows, held in the one order that everybody keeps: run, then attempt. null: there is no such attempt. */
export async function lockRunAndAttempt(
  tx: Transaction,
  attemptId: string,
): Promise<{ readonly run: RunRow; readonly attempt: AttemptRow } | null> {
  const seen = await getAttempt(tx, attemptId);
  if (seen === null) return null;
  const run = await lockRun(tx, seen.runId);
  const attempt = await lockAttempt(tx, attemptId);
  return run === null || attempt === null ? null : { run, attempt };
}

export async function endAttempt(
  tx: Transaction,
  attempt: AttemptRow,
  end: { readonly state: AttemptState; readonly reason: string },
  now: Date,
): Promise<void> {
  await updateAttempt(tx, attempt.id, {
    state: end.state,
    reason: end.reason,
    endedAt: now,
    cancelDeadline: null,
  });
  await deleteLease(tx, attempt.id);
  await voidDirectives(tx, attempt.id, now);
  await freeSlots(tx, attempt.id);
}

export async function finishRun(
  tx: Transaction,
  runId: string,
  end: {
    readonly status: RunStatus;
    readonly reason: string;
    readonly failure: Failure | null;
    readonly finishedAt: Date;
  },
): Promise<void> {
  await updateRun(tx, runId, {
    status: codeOf(end.status),
    reason: end.reason,
    failure: end.failure,
    finishedAt: end.finishedAt,
  });
}
