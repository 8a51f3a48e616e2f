/** The append-only record of each attempt. */
import { and, asc, eq, gt, sql } from "drizzle-orm";
import type { WireEvent } from "../../protocol/messages.ts";
import type { Executor, Transaction } from "./db.ts";
import { runEvents } from "./schema.ts";

export type EventRow = typeof runEvents.$inferSelect;

export async function appendEvents(
  tx: Transaction,
  at: { readonly runId: string; readonly fence: number },
  events: readonly WireEvent[],
  now: Date,
): Promise<void> {
  if (events.length === 0) return;
  await tx.insert(runEvents).values(events.map((event) => ({
    runId: at.runId,
    attempt: at.fence,
    seq: event.seq,
    type: event.type,
    step: event.step ?? null,
    at: new Date(event.at),
    receivedAt: now,
    body: event,
  })));
}

/** Number of the next event that the control plane itself tells: they are those of attempt 0 (TX-06). */
export async function nextServerSeq(tx: Transaction, runId: string): Promise<number> {
  const [row] = await tx.select({ last: sql<number>`coalesce(max(${runEvents.seq}), 0)::int` }).from(
    runEvents,
  )
    .where(and(eq(runEvents.runId, runId), eq(runEvents.attempt, 0)));
  return (row?.last ?? 0) + 1;
}

/** Types and steps of stored events, to tell a resend from another story under the same numbers. */
export async function storedKinds(
  tx: Transaction,
  at: { readonly runId: string; readonly fence: number },
  from: number,
  to: number,
): Promise<{ seq: number; type: string; step: string | null }[]> {
  return await tx.select({ seq: runEvents.seq, type: runEvents.type, step: runEvents.step }).from(runEvents)
    .where(and(
      eq(runEvents.runId, at.runId),
      eq(runEvents.attempt, at.fence),
      sql`${runEvents.seq} between ${from} and ${to}`,
    )).orderBy(asc(runEvents.seq));
}

/** Events of one attempt after a sequence number. */
export async function listEvents(
  db: Executor,
  at: { readonly runId: string; readonly fence: number },
  after: number,
  limit: number,
): Promise<EventRow[]> {
  return await db.select().from(runEvents)
    .where(and(eq(runEvents.runId, at.runId), eq(runEvents.attempt, at.fence), gt(runEvents.seq, after)))
    .orderBy(asc(runEvents.seq)).limit(limit);
}
