/** Who speaks for an attempt: its runner, with its token and its current fence (TX-03, AU-41). */
import type { ProtocolErrorCode } from "../../protocol/messages.ts";
import type { ServerPorts } from "../ports.ts";
import type { ServerSettings } from "../settings.ts";
import { type AttemptRow, getAttempt, isLive, lockRunAndAttempt, shareAttempt } from "../store/attempts.ts";
import type { Executor, Transaction } from "../store/db.ts";
import type { RunnerClock } from "./runner-clock.ts";
import type { RunRow } from "../store/runs.ts";

export interface AttemptCaller {
  readonly runnerId: string;
  readonly attemptId: string;
  /** Of the attempt token that came with the request. */
  readonly tokenDigest: string;
  /** Number of the runner's process that speaks; absent or 0: it counts no starts. */
  readonly boot?: number;
  /** For the times that it tells; absent: they are taken as they are. */
  readonly clock?: RunnerClock;
}

export interface ReportRefusal {
  readonly ok: false;
  readonly code: ProtocolErrorCode;
  readonly message: string;
  readonly expectedSeq?: number;
  readonly expectedOffset?: number;
}

/** The caller's attempt, whose fence is the current one. */
export async function admit(
  db: Executor,
  caller: AttemptCaller,
  fence: number,
): Promise<{ readonly ok: true; readonly attempt: AttemptRow } | ReportRefusal> {
  const attempt = await getAttempt(db, caller.attemptId);
  if (attempt === null) return notFound(caller.attemptId);
  return refusalOf(attempt, caller, fence) ?? { ok: true, attempt };
}

/** The same, with its run, both held until the transaction ends. */
export async function admitHeld(
  tx: Transaction,
  caller: AttemptCaller,
  fence: number,
): Promise<{ readonly ok: true; readonly attempt: AttemptRow; readonly run: RunRow } | ReportRefusal> {
  const held = await lockRunAndAttempt(tx, caller.attemptId);
  if (held === null) return notFound(caller.attemptId);
  return refusalOf(held.attempt, caller, fence) ?? { ok: true, ...held };
}

/** Adding bytes is for the live attempt, and for a while for one that has just ended (EV-03, INV-04). */
export async function admitBytes(
  ports: ServerPorts,
  settings: ServerSettings,
  caller: AttemptCaller,
  fence: number,
): Promise<{ readonly ok: true; readonly attempt: AttemptRow } | ReportRefusal> {
  const admitted = await admit(ports.db, caller, fence);
  if (!admitted.ok || isLive(admitted.attempt)) return admitted;
  const tailEnd = (admitted.attempt.endedAt?.getTime() ?? 0) + settings.runner.tailWindowMs;
  return ports.clock.now() <= tailEnd ? admitted : fenced();
}

/** The caller's attempt, asked by a message without a fence; null: it is not theirs. */
export async function attemptOf(db: Executor, caller: AttemptCaller): Promise<AttemptRow | null> {
  const attempt = await getAttempt(db, caller.attemptId);
  return attempt !== null && refusalOf(attempt, caller, attempt.fence) === null ? attempt : null;
}

export function refusalOf(
  attempt: Pick<AttemptRow, "fence" | "runnerId" | "tokenDigest" | "boot">,
  caller: AttemptCaller,
  fence: number,
): ReportRefusal | null {
  if (attempt.tokenDigest !== caller.tokenDigest || attempt.runnerId !== caller.runnerId) {
    return {
      ok: false,
      code: "forbidden",
      message: "the attempt token is not this attempt's, or not this runner's",
    };
  }
  return attempt.fence === fence && !isOutdated(attempt, caller) ? null : fenced();
}

/** A newer process of its runner goes on with the attempt: what the older one sent would be taken for the newer one's. */
function isOutdated(attempt: Pick<AttemptRow, "boot">, { boot = 0 }: AttemptCaller): boolean {
  return boot > 0 && boot < attempt.boot;
}

/**
 * Asked again beside what is about to be written, which the newer process looks at after it said that it goes on. `isFirst`:
 * there is nothing yet whose lock the two would meet at.
 */
export async function isStillCurrent(
  tx: Transaction,
  caller: AttemptCaller,
  isFirst: boolean,
): Promise<boolean> {
  if ((caller.boot ?? 0) === 0) return true;
  const attempt = isFirst ? await shareAttempt(tx, caller.attemptId) : await getAttempt(tx, caller.attemptId);
  return attempt !== null && !isOutdated(attempt, caller);
}

export function notFound(attemptId: string): ReportRefusal {
  return { ok: false, code: "not_found", message: `there is no attempt ${attemptId}` };
}

export function fenced(): ReportRefusal {
  return { ok: false, code: "fenced", message: "this attempt may not act any more" };
}
