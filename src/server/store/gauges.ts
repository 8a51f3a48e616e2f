/** Numbers for a monitor, from hot tables only: no run is read that is not queued or held (OB-02). */
import { sql } from "drizzle-orm";
import type { Executor } from "./db.ts";
import { query } from "./query.ts";

export interface Gauges {
  readonly workflows: number;
  readonly queued: number;
  readonly claimable: number;
  /** Attempts by state: claimed, started, cancelling. */
  readonly live: Readonly<Record<string, number>>;
  readonly schedulesDue: number;
}

export async function readGauges(db: Executor, now: Date): Promise<Gauges> {
  const at = now.toISOString();
  const [row] = await query<{ workflows: number; queued: number; claimable: number; due: number }>(
    db,
    sql`
    select (select count(*)::int from workflows) as workflows,
      (select count(*)::int from run_queue) as queued,
      (select count(*)::int from run_queue where available_at <= ${at}::timestamptz) as claimable,
      (select count(*)::int from schedules where due_at <= ${at}::timestamptz) as due`,
  );
  const states = await query<{ state: string; n: number }>(
    db,
    sql`
    select a.state, count(*)::int as n from attempt_leases l join attempts a on a.id = l.attempt_id group by a.state`,
  );
  return {
    workflows: row?.workflows ?? 0,
    queued: row?.queued ?? 0,
    claimable: row?.claimable ?? 0,
    schedulesDue: row?.due ?? 0,
    live: Object.fromEntries(states.map(({ state, n }) => [state, n])),
  };
}
