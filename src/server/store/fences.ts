/** Up to which fence none is given any more (RS-04). */
import { type SQL, sql } from "drizzle-orm";
import type { Executor } from "./db.ts";
import { query } from "./query.ts";

export const FENCE_EPOCH: SQL = sql`coalesce((select fence_epoch from control_heartbeat where id = 1), 0)`;

/** More than the attempts that any run had between a backup and its restore. */
const STEP = 1_000;

export async function readFenceEpoch(db: Executor): Promise<number> {
  const [row] = await query<{ epoch: number }>(db, sql`select ${FENCE_EPOCH} as epoch`);
  return row?.epoch ?? 0;
}

/** Above every fence that is known here, and those that were given since a backup and are not. Answers the new one. */
export async function raiseFenceEpoch(db: Executor, now: Date): Promise<number> {
  const [row] = await query<{ epoch: number }>(
    db,
    sql`
    insert into control_heartbeat as c (id, last_at, fence_epoch)
    values (1, ${now.toISOString()}::timestamptz, (select coalesce(max(attempt), 0) + ${STEP}::int from runs))
    on conflict (id) do update
      set fence_epoch = greatest(c.fence_epoch + ${STEP}::int, excluded.fence_epoch)
    returning fence_epoch as epoch`,
  );
  return row?.epoch ?? 0;
}
