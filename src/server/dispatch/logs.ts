/** Log bytes of a step (M7): by absolute offset, each byte once. */
import type { LogReply } from "../../protocol/messages.ts";
import type { StreamName } from "../../run/ports.ts";
import type { ServerPorts } from "../ports.ts";
import type { ServerSettings } from "../settings.ts";
import { appendLog, lockStream } from "../store/logs.ts";
import { admitBytes, type AttemptCaller, fenced, isStillCurrent, type ReportRefusal } from "./caller.ts";

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
  caller: AttemptCaller,
  piece: LogPiece,
): Promise<{ ok: true; reply: LogReply } | ReportRefusal> {
  const admitted = await admitBytes(ports, settings, caller, piece.fence);
  if (!admitted.ok) return admitted;
  const { attempt } = admitted;

  const place = { runId: attempt.runId, fence: attempt.fence, step: piece.step, stream: piece.stream };
  const outcome = await ports.db.transaction(async (tx) => {
    const isFirst = piece.offset === 0;
    if (isFirst && !await isStillCurrent(tx, caller, isFirst)) return fenced();
    const stream = await lockStream(tx, place, ports.ids.uuid());
    if (!isFirst && !await isStillCurrent(tx, caller, isFirst)) return fenced();
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
