/** Queues as people see and set them: width, pause, what waits and what runs. */
import { and, asc, eq, inArray, sql } from "drizzle-orm";
import type { Db, Executor, Transaction } from "./db.ts";
import { ensureSlots } from "./queue.ts";
import { query } from "./query.ts";
import type { RunRow } from "./runs.ts";
import { attempts, queues, runQueue, runs, slots } from "./schema.ts";

export type QueueRow = typeof queues.$inferSelect;

export async function getQueue(db: Executor, name: string): Promise<QueueRow | null> {
  const [row] = await db.select().from(queues).where(eq(queues.name, name));
  return row ?? null;
}

export interface QueueChange {
  /** null: as the workflows say; absent: as it is. */
  readonly maxConcurrency?: number | null;
  readonly paused?: boolean;
  /** null: no rate; absent: as it is. */
  readonly rateLimit?: QueueRate | null;
}

/** At most so many claims in so many seconds, whenever these begin (QU-17). */
export interface QueueRate {
  readonly limit: number;
  readonly periodSec: number;
}

/** A narrower queue stops no run: slots above the limit go when they are freed (INV-13). */
export async function saveQueue(db: Db, name: string, change: QueueChange, now: Date): Promise<void> {
  await db.transaction(async (tx) => {
    const known = await getQueue(tx, name);
    const row = {
      maxConcurrency: change.maxConcurrency === undefined
        ? known?.maxConcurrency ?? null
        : change.maxConcurrency,
      paused: change.paused ?? known?.paused ?? false,
      ...(change.rateLimit === undefined ? {} : {
        rateLimit: change.rateLimit?.limit ?? null,
        ratePeriodS: change.rateLimit?.periodSec ?? null,
      }),
      updatedAt: now,
    };
    await tx.insert(queues).values({ name, ...row }).onConflictDoUpdate({ target: queues.name, set: row });
    if (row.maxConcurrency !== null) await ensureSlots(tx, name, row.maxConcurrency);
  });
}

/** Answers whether anything was set. */
export async function deleteQueue(db: Executor, name: string): Promise<boolean> {
  return (await db.delete(queues).where(eq(queues.name, name)).returning({ name: queues.name })).length > 0;
}

/** Makes the queue of a new run as wide as it was set to be, else as its workflow says. */
export async function openQueue(tx: Transaction, name: string, wanted: number): Promise<void> {
  const set = await getQueue(tx, name);
  await ensureSlots(tx, name, set?.maxConcurrency ?? wanted);
}

export interface QueueFacts {
  readonly name: string;
  /** It was set by somebody, and is not just there for a workflow. */
  readonly isSet: boolean;
  readonly maxConcurrency: number | null;
  readonly paused: boolean;
  readonly rateLimit: QueueRate | null;
  readonly running: number;
  readonly queued: number;
  /** When the run that waits longest was ready to be claimed. */
  readonly oldestAt: Date | null;
}

/** Queues that are set, or that something waits or runs in, by name. Reads no run (OB-02). */
export async function listQueues(db: Executor, name?: string): Promise<QueueFacts[]> {
  const rows = await query<
    {
      name: string;
      is_set: boolean;
      paused: boolean;
      rate: QueueRate | null;
      width: number;
      running: number;
      queued: number;
      oldest: string | null;
    }
  >(
    db,
    sql`
    with waiting as (
        select queue as name, count(*)::int as queued, min(available_at) as oldest from run_queue
        where needs_slot group by queue),
      places as (
        select queue as name, count(*)::int as width, count(attempt_id)::int as running from slots group by queue),
      names as (
        select name from queues union select name from waiting union select name from places where running > 0)
    select n.name, q.name is not null as is_set, coalesce(q.paused, false) as paused,
      case when q.rate_limit is not null
        then jsonb_build_object('limit', q.rate_limit, 'periodSec', q.rate_period_s) end as rate,
      coalesce(q.max_concurrency, p.width, 0) as width, coalesce(p.running, 0) as running,
      coalesce(w.queued, 0) as queued, to_char(w.oldest at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as oldest
    from names n left join queues q on q.name = n.name left join waiting w on w.name = n.name
      left join places p on p.name = n.name
    where ${name ?? null}::text is null or n.name = ${name ?? null}::text
    order by n.name limit 10000`,
  );
  return rows.map((row) => ({
    name: row.name,
    isSet: row.is_set,
    maxConcurrency: row.width === 0 ? null : row.width,
    paused: row.paused,
    rateLimit: row.rate,
    running: row.running,
    queued: row.queued,
    oldestAt: row.oldest === null ? null : new Date(row.oldest),
  }));
}

/** Runs that hold a slot of the queue. */
export async function runningIn(db: Executor, name: string): Promise<RunRow[]> {
  const rows = await db.select({ run: runs }).from(slots)
    .innerJoin(attempts, eq(attempts.id, slots.attemptId)).innerJoin(runs, eq(runs.id, attempts.runId))
    .where(eq(slots.queue, name)).orderBy(asc(runs.id)).limit(1_000);
  return rows.map((row) => row.run);
}

/** From when on each of those runs that wait may be claimed. */
export async function availableFrom(
  db: Executor,
  runIds: readonly string[],
): Promise<ReadonlyMap<string, Date>> {
  const rows = await db.select({ id: runQueue.runId, at: runQueue.availableAt }).from(runQueue)
    .where(inArray(runQueue.runId, [...runIds]));
  return new Map(rows.map(({ id, at }) => [id, at]));
}

/** Runs that wait for a slot of the queue, the next one first. */
export async function waitingIn(
  db: Executor,
  name: string,
  offset: number,
  limit: number,
): Promise<RunRow[]> {
  const rows = await db.select({ run: runs }).from(runQueue).innerJoin(runs, eq(runs.id, runQueue.runId))
    .where(and(eq(runQueue.queue, name), eq(runQueue.needsSlot, true)))
    .orderBy(asc(runQueue.rank), asc(runQueue.runId))
    .offset(offset).limit(limit);
  return rows.map((row) => row.run);
}
