/** Log bytes of a step (M7): by absolute offset, each byte once. */
import type { LogReply } from "../../protocol/messages.ts";
import type { StreamName } from "../../run/ports.ts";
import type { ServerPorts } from "../ports.ts";
import type { ServerSettings } from "../settings.ts";
import { getAttempt, isLive } from "../store/attempts.ts";
import { appendLog, lockStream } from "../store/logs.ts";
import { checkCaller, fenced, notFound, type ReportRefusal } from "./report.ts";

export interface LogPiece {
  readonly step: string;
  readonly stream: StreamName;
  readonly offset: number;
  readonly fence: number;
  readonly isFinal: boolean;
  readonly bytes: Uint8Array;
}

/** Accepted from the attempt while it is live, and for a while after its end (the tail window). */
export async function reportLog(
  ports: ServerPorts,
  settings: ServerSettings,
  caller: { readonly runnerId: string; readonly attemptId: string; readonly tokenDigest: string },
  piece: LogPiece,
): Promise<{ ok: true; reply: LogReply } | ReportRefusal> {
  const attempt = await getAttempt(ports.db, caller.attemptId);
  const refusal = checkCaller(attempt, caller, piece.fence);
  if (refusal !== null || attempt === null) return refusal ?? notFound(caller.attemptId);
  const tailEnd = (attempt.endedAt?.getTime() ?? 0) + settings.runner.tailWindowMs;
  if (!isLive(attempt) && ports.clock.now() > tailEnd) return fenced();

  const place = { runId: attempt.runId, fence: attempt.fence, step: piece.step, stream: piece.stream };
  const outcome = await ports.db.transaction(async (tx) => {
    const stream = await lockStream(tx, place, ports.ids.uuid());
    if (piece.offset > stream.nextOffset) {
      const expectedOffset = stream.nextOffset;
      const message = `expected offset ${expectedOffset}, got ${piece.offset}`;
      return { ok: false, code: "offset_gap", message, expectedOffset } satisfies ReportRefusal;
    }
    const fresh = piece.bytes.subarray(Math.min(piece.bytes.length, stream.nextOffset - piece.offset));
    return {
      ok: true,
      reply: await appendLog(tx, stream, fresh, settings.runner.logStreamMax, piece.isFinal),
    } as const;
  });
  if (outcome.ok) ports.wake.notify(`run:${attempt.runId}`);
  return outcome;
}
