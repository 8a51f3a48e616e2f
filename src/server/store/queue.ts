/** What waits to be claimed, and how wide each queue is. */
import { and, asc, eq, sql } from "drizzle-orm";
import type { Executor, Transaction } from "./db.ts";
import { query } from "./query.ts";
import { runQueue } from "./schema.ts";

export interface QueueEntry {
  readonly id: string;
  readonly queue: string;
  readonly needsSlot: boolean;
  readonly selector: Readonly<Record<string, string>>;
  readonly trust: "trusted" | "untrusted";
  readonly priority: number;
  /** Runners that should not get it. */
  readonly excluded?: readonly string[];
}

export async function enqueueRun(tx: Transaction, run: QueueEntry, availableAt: Date): Promise<void> {
  await tx.insert(runQueue).values({
    runId: run.id,
    queue: run.queue,
    needsSlot: run.needsSlot,
    selector: run.selector,
    isUntrusted: run.trust === "untrusted",
    priority: run.priority,
    availableAt,
    excluded: [...(run.excluded ?? [])],
  });
}

/** Answers whether it was queued. */
export async function dequeueRun(tx: Transaction, runId: string): Promise<boolean> {
  return (await tx.delete(runQueue).where(eq(runQueue.runId, runId)).returning({ id: runQueue.runId }))
    .length > 0;
}

/** The run that would go next of those that wait for a slot of the queue; null: there is none. */
export async function headOfQueue(db: Executor, queue: string): Promise<string | null> {
  const [row] = await db.select({ id: runQueue.runId }).from(runQueue)
    .where(and(eq(runQueue.queue, queue), eq(runQueue.needsSlot, true)))
    .orderBy(asc(runQueue.priority), asc(runQueue.availableAt), asc(runQueue.runId)).limit(1);
  return row?.id ?? null;
}

/** Makes the queue `limit` slots wide; taken slots above it go when they are freed. */
export async function ensureSlots(tx: Transaction, queue: string, limit: number): Promise<void> {
  await query(
    tx,
    sql`
    with narrowed as (delete from slots where queue = ${queue} and n > ${limit}::int and attempt_id is null)
    insert into slots (queue, n) select ${queue}, n from generate_series(1, ${limit}::int) n
    on conflict do nothing`,
  );
}

export async function countQueued(db: Executor): Promise<number> {
  const [row] = await query<{ n: number }>(db, sql`select count(*)::int as n from run_queue`);
  return row?.n ?? 0;
}

/** Longest waiting first. */
export async function listQueued(db: Executor, limit: number): Promise<(typeof runQueue.$inferSelect)[]> {
  return await db.select().from(runQueue).orderBy(asc(runQueue.priority), asc(runQueue.availableAt)).limit(
    limit,
  );
}
