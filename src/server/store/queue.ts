/** What waits to be claimed, and the slots of each queue. */
import { asc, eq, sql } from "drizzle-orm";
import type { Executor, Transaction } from "./db.ts";
import { query } from "./query.ts";
import { runQueue, slots } from "./schema.ts";

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

/** Makes the queue `limit` slots wide; taken slots above it go when they are freed. */
export async function ensureSlots(tx: Transaction, queue: string, limit: number): Promise<void> {
  await query(
    tx,
    sql`
    insert into slots (queue, n) select ${queue}, n from generate_series(1, ${limit}::int) n
    on conflict do nothing`,
  );
  await query(tx, sql`delete from slots where queue = ${queue} and n > ${limit}::int and attempt_id is null`);
}

export interface Candidate {
  readonly runId: string;
  readonly queue: string;
  readonly needsSlot: boolean;
}

export interface CandidateQuery {
  readonly runnerId: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly now: Date;
  readonly limit: number;
  /** Queues found full in this transaction. */
  readonly fullQueues: readonly string[];
}

/**
 * The next queue rows that this runner may take, locked; rows that another claim holds are passed over, and runs
 * that somebody is about to change: who stops a run holds it and then wants its queue row, so waiting for it here with the
 * queue row in hand would lock both up. Every key of the
 * run's selector must equal the runner's label; a runner label written `!key` must be selected by the run (M3).
 */
export async function lockCandidates(tx: Transaction, wanted: CandidateQuery): Promise<Candidate[]> {
  const entries = Object.entries(wanted.labels);
  const offered = Object.fromEntries(entries.map(([key, value]) => [key.replace(/^!/, ""), value]));
  const required = Object.fromEntries(
    entries.flatMap(([key, value]) => key.startsWith("!") ? [[key.slice(1), value]] : []),
  );
  const rows = await query<{ run_id: string; queue: string; needs_slot: boolean }>(
    tx,
    sql`
    select q.run_id, q.queue, q.needs_slot from run_queue q join runs r on r.id = q.run_id
    where q.available_at <= ${wanted.now.toISOString()}::timestamptz
      and q.selector <@ ${JSON.stringify(offered)}::jsonb
      and q.selector @> ${JSON.stringify(required)}::jsonb
      and (not q.is_untrusted or ${offered["accept-untrusted"] === "true"})
      and not (${wanted.runnerId}::uuid = any(q.excluded))
      and (not q.needs_slot or (
        q.queue <> all(array(select jsonb_array_elements_text(${JSON.stringify(wanted.fullQueues)}::jsonb)))
        and exists (select 1 from slots s where s.queue = q.queue and s.attempt_id is null)))
    order by q.priority, q.available_at, q.run_id
    limit ${wanted.limit}
    for update of q skip locked for no key update of r skip locked`,
  );
  return rows.map((row) => ({ runId: row.run_id, queue: row.queue, needsSlot: row.needs_slot }));
}

/** Takes a free slot of the queue; false when none is left. */
export async function takeSlot(tx: Transaction, queue: string, attemptId: string): Promise<boolean> {
  const rows = await query(
    tx,
    sql`
    update slots set attempt_id = ${attemptId}
    where (queue, n) = (
      select queue, n from slots where queue = ${queue} and attempt_id is null order by n limit 1 for update skip locked)
    returning n`,
  );
  return rows.length > 0;
}

export async function freeSlots(tx: Transaction, attemptId: string): Promise<void> {
  await tx.update(slots).set({ attemptId: null }).where(eq(slots.attemptId, attemptId));
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
