/** How often runs may be claimed from a queue (QU-17). */
import { and, asc, eq, inArray, isNotNull } from "drizzle-orm";
import type { Transaction } from "./db.ts";
import { queues } from "./schema.ts";

/** Of so many claims of each queue, how many are within its rate; these count from now on. Without a rate: not answered. */
export async function takeFromRates(
  tx: Transaction,
  wanted: ReadonlyMap<string, number>,
  now: Date,
): Promise<ReadonlyMap<string, number>> {
  const rows = await tx.select().from(queues)
    .where(and(inArray(queues.name, [...wanted.keys()]), isNotNull(queues.rateLimit)))
    .orderBy(asc(queues.name)).for("update");
  const taken = new Map<string, number>();
  for (const { name, rateLimit, ratePeriodS, rateWindow } of rows) {
    const at = now.getTime();
    // What is later than now was before our clock was set back.
    const counting = rateWindow.filter((one) => one > at - (ratePeriodS ?? 0) * 1_000 && one <= at);
    const count = Math.min(wanted.get(name) ?? 0, Math.max(0, (rateLimit ?? 0) - counting.length));
    taken.set(name, count);
    if (count === 0) continue;
    await tx.update(queues).set({ rateWindow: [...counting, ...Array<number>(count).fill(at)] })
      .where(eq(queues.name, name));
  }
  return taken;
}
