/** Ending an attempt without its runner: lost, not confirming a stop, or not trusted any more (4.9). */
import { type Failure, reasonOf } from "../../run/failure.ts";
import type { ServerPorts } from "../ports.ts";
import { resumeSoon } from "./awaited.ts";
import { endAttempt, isLive, lockRunAndAttempt } from "../store/attempts.ts";
import type { Transaction } from "../store/db.ts";
import { finishRun, type RunRow } from "../store/runs.ts";
import { endOpenSteps } from "../store/steps.ts";
import { retryLost } from "./retry.ts";

export interface OutsideEnd {
  /** Of the attempt; when it is lost the run fails, or goes on with another attempt if it is such a one. */
  readonly state: "aborted" | "failed" | "lost";
  /** Of the run. */
  readonly reason: string;
  readonly failure: Failure;
  /** When another attempt may begin at the earliest; default: now, since the old runner has stopped. */
  readonly retryAt?: (run: RunRow) => Date;
}

/** Looks again under the locks: answers false when the attempt is over already, or is not meant any more. */
export async function endFromOutside(
  ports: ServerPorts,
  attemptId: string,
  end: OutsideEnd,
  isMeant: (tx: Transaction) => Promise<boolean> = () => Promise.resolve(true),
  /** What ends with it. */
  alongside: (tx: Transaction) => Promise<void> = () => Promise.resolve(),
): Promise<boolean> {
  const now = new Date(ports.clock.now());
  const status = end.state === "aborted" ? "aborted" : "failed";
  const ended = await ports.db.transaction(async (tx) => {
    const held = await lockRunAndAttempt(tx, attemptId);
    if (held === null || !isLive(held.attempt) || !await isMeant(tx)) return null;
    const { run, attempt } = held;
    await endAttempt(tx, attempt.id, { state: end.state, reason: reasonOf(end.failure) }, now);
    await endOpenSteps(tx, run.id, status, now.getTime());
    if (end.state === "lost" && await retryLost(tx, ports, run, end.retryAt?.(run) ?? now)) return run;
    await finishRun(tx, run.id, { status, reason: end.reason, failure: end.failure, finishedAt: now });
    await alongside(tx);
    return run;
  });
  if (ended === null) return false;
  ports.wake.notify("ready");
  ports.wake.notify(`run:${ended.id}`);
  if (ended.parentId !== null) resumeSoon(ports, ended.parentId);
  return true;
}
