/** What waits or runs for longer than it may. */
import { sql } from "drizzle-orm";
import type { Executor } from "./db.ts";
import { query } from "./query.ts";

const AT_ONCE = 200;

/** Runs that could have been claimed since before that time and were not, oldest first. */
export async function queuedBefore(db: Executor, before: Date): Promise<string[]> {
  const rows = await query<{ id: string }>(
    db,
    sql`
    select run_id as id from run_queue where available_at < ${before.toISOString()}::timestamptz
    order by available_at, run_id limit ${AT_ONCE}`,
  );
  return rows.map((row) => row.id);
}

/** Runs of the workflow that wait in the queue by nobody's wish: its schedule made them, or their automatic retry is still due. */
export async function queuedByItself(db: Executor, fileName: string, now: Date): Promise<string[]> {
  const rows = await query<{ id: string }>(
    db,
    sql`
    select r.id from workflows w join runs r on r.name = w.name and r.file_name = w.file_name
      join run_queue q on q.run_id = r.id
    where w.file_name = ${fileName} and (r.trigger_type in ('scheduler', 'catchup')
      or (r.auto_retries > 0 and q.available_at > ${now.toISOString()}::timestamptz)) order by r.id`,
  );
  return rows.map((row) => row.id);
}

export interface Overtime {
  /** Beyond what the workflow allows itself. */
  readonly graceMs: number;
  /** Of a run whose workflow names no time. */
  readonly maxMs: number;
}

/** Runs whose attempt began before the time that they have, and that nobody stops yet; of one run, if it is named. */
export async function runsInOvertime(
  db: Executor,
  now: Date,
  { graceMs, maxMs }: Overtime,
  runId: string | null = null,
): Promise<string[]> {
  const rows = await query<{ id: string }>(
    db,
    sql`
    select r.id from attempts a join runs r on r.id = a.run_id
    where a.ended_at is null and a.cancel_requested_at is null
      and (${runId}::uuid is null or r.id = ${runId}::uuid)
      and a.started_at < ${now.toISOString()}::timestamptz - make_interval(secs =>
        case when r.timeout_sec > 0 then r.timeout_sec + ${graceMs / 1000}::float else ${
      maxMs / 1000
    }::float end)
    order by r.id limit ${AT_ONCE}`,
  );
  return rows.map((row) => row.id);
}
