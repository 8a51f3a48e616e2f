/** What waits to be claimed, and how wide each queue is. */
import { and, asc, eq, gt, sql } from "drizzle-orm";
import type { Executor, Transaction } from "./db.ts";
import { query } from "./query.ts";
import { runQueue, runs } from "./schema.ts";

export interface QueueEntry {
  readonly id: string;
  readonly queue: string;
  readonly needsSlot: boolean;
  readonly selector: Readonly<Record<string, string>>;
  readonly trust: "trusted" | "untrusted";
  readonly needsCpu: number;
  readonly needsMemory: number;
  readonly priority: number;
  /** Runners that should not get it. */
  readonly excluded?: readonly string[];
}

const AGEING_MS = 600_000;
/** Beyond what any run waits. */
const BEFORE_ALL_MS = 1_000 * 365 * 86_400_000;

/**
 * QU-13 without any job that lets runs age: ten minutes of waiting are worth one step of priority, up to 2. What is more urgent
 * than that goes before all others.
 */
export function rankOf(priority: number, availableAt: Date): Date {
  return new Date(availableAt.getTime() + (priority - 2) * (priority < 2 ? BEFORE_ALL_MS : AGEING_MS));
}

export async function enqueueRun(tx: Transaction, run: QueueEntry, availableAt: Date): Promise<void> {
  await tx.insert(runQueue).values({
    runId: run.id,
    queue: run.queue,
    needsSlot: run.needsSlot,
    selector: run.selector,
    isUntrusted: run.trust === "untrusted",
    needsCpu: run.needsCpu,
    needsMemory: run.needsMemory,
    priority: run.priority,
    availableAt,
    rank: rankOf(run.priority, availableAt),
    excluded: [...(run.excluded ?? [])],
  });
}

/** Runs with that id that wait in the queue, at most two. */
export async function findQueued(
  db: Executor,
  queue: string,
  dagRunId: string,
  name: string | null,
): Promise<string[]> {
  const rows = await db.select({ id: runs.id }).from(runQueue).innerJoin(runs, eq(runs.id, runQueue.runId))
    .where(and(
      eq(runQueue.queue, queue),
      eq(runs.dagRunId, dagRunId),
      name === null ? undefined : eq(runs.name, name),
    )).limit(2);
  return rows.map(({ id }) => id);
}

/** Gives a waiting run another priority; its age stays. Answers whether it waits in that queue. */
export async function moveQueued(
  tx: Transaction,
  runId: string,
  queue: string,
  priority: number,
): Promise<boolean> {
  const [row] = await tx.select({ availableAt: runQueue.availableAt }).from(runQueue)
    .where(and(eq(runQueue.runId, runId), eq(runQueue.queue, queue))).for("update");
  if (row === undefined) return false;
  await tx.update(runQueue).set({ priority, rank: rankOf(priority, row.availableAt) })
    .where(eq(runQueue.runId, runId));
  await tx.update(runs).set({ priority }).where(eq(runs.id, runId));
  return true;
}

/** Takes out what waits for its time to come; answers whether it did. */
export async function dequeueDelayed(tx: Transaction, runId: string, now: Date): Promise<boolean> {
  return (await tx.delete(runQueue).where(and(eq(runQueue.runId, runId), gt(runQueue.availableAt, now)))
    .returning({ id: runQueue.runId })).length > 0;
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
    .orderBy(asc(runQueue.rank), asc(runQueue.runId)).limit(1);
  return row?.id ?? null;
}

/** Nobody has as many runners as would fill a wider one. */
export const QUEUE_WIDTH_MAX = 10_000;

/** Makes the queue as wide as is wanted; taken slots above it go when they are freed. */
export async function ensureSlots(tx: Transaction, queue: string, wanted: number): Promise<void> {
  const limit = Math.min(wanted, QUEUE_WIDTH_MAX);
  await query(
    tx,
    sql`
    with narrowed as (delete from slots where queue = ${queue} and n > ${limit}::int and attempt_id is null)
    insert into slots (queue, n) select ${queue}, n from generate_series(1, ${limit}::int) n
    on conflict do nothing`,
  );
}
