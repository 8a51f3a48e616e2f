/** Runs whose trigger gave them a `concurrency` group. */
import { and, asc, eq, isNull, sql } from "drizzle-orm";
import type { Transaction } from "./db.ts";
import { query } from "./query.ts";
import { runs } from "./schema.ts";

/** Until the transaction ends nobody else is stored in the group, nor looks who is in it. */
export async function lockGroup(tx: Transaction, name: string, group: string): Promise<void> {
  const key = JSON.stringify([name, group]);
  await query(tx, sql`select pg_advisory_xact_lock(hashtextextended(${key}, 0))::text as held`);
}

/** Runs of the group that have not ended, oldest first. */
export async function openOfGroup(tx: Transaction, name: string, group: string): Promise<string[]> {
  const rows = await tx.select({ id: runs.id }).from(runs)
    .where(and(eq(runs.name, name), eq(runs.concurrencyGroup, group), isNull(runs.finishedAt)))
    .orderBy(asc(runs.id));
  return rows.map(({ id }) => id);
}
