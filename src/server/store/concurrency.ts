/** Runs whose trigger gave them a `concurrency` group. */
import { and, asc, eq, isNull, ne } from "drizzle-orm";
import type { Transaction } from "./db.ts";
import { lockText } from "./query.ts";
import type { RunRow } from "./runs.ts";
import { runs } from "./schema.ts";

/** Until the transaction ends nobody else is stored in the group, nor looks who is in it. */
export async function lockGroup(tx: Transaction, name: string, group: string): Promise<void> {
  await lockText(tx, JSON.stringify([name, group]));
}

/** Other runs of the group that have not ended, oldest first; held as `lockRun` does. */
export async function lockOpenOfGroup(
  tx: Transaction,
  newest: string,
  name: string,
  group: string,
): Promise<Pick<RunRow, "id" | "status" | "attempt">[]> {
  return await tx.select({ id: runs.id, status: runs.status, attempt: runs.attempt }).from(runs)
    .where(
      and(
        eq(runs.name, name),
        eq(runs.concurrencyGroup, group),
        isNull(runs.finishedAt),
        ne(runs.id, newest),
      ),
    )
    .orderBy(asc(runs.id)).for("no key update");
}
