/** Who may still add bytes to a run: its live attempt, and for a while one that has just ended (EV-03, INV-04). */
import type { ServerPorts } from "../ports.ts";
import type { ServerSettings } from "../settings.ts";
import { type AttemptRow, getAttempt, isLive } from "../store/attempts.ts";
import { checkCaller, fenced, notFound, type ReportRefusal } from "./report.ts";

export interface AttemptCaller {
  readonly runnerId: string;
  readonly attemptId: string;
  /** Of the attempt token that came with the request. */
  readonly tokenDigest: string;
}

export async function admitBytes(
  ports: ServerPorts,
  settings: ServerSettings,
  caller: AttemptCaller,
  fence: number,
): Promise<{ readonly ok: true; readonly attempt: AttemptRow } | ReportRefusal> {
  const attempt = await getAttempt(ports.db, caller.attemptId);
  const refusal = checkCaller(attempt, caller, fence);
  if (refusal !== null || attempt === null) return refusal ?? notFound(caller.attemptId);
  const tailEnd = (attempt.endedAt?.getTime() ?? 0) + settings.runner.tailWindowMs;
  return isLive(attempt) || ports.clock.now() <= tailEnd ? { ok: true, attempt } : fenced();
}
