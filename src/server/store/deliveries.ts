/** One row for each request at an endpoint or webhook, with the decision for each workflow. */
import { and, desc, eq, lt, sql } from "drizzle-orm";
import type { Db, Executor } from "./db.ts";
import { insertRun, type NewRun } from "./runs.ts";
import { deliveries, deliveryDecisions } from "./schema.ts";

export type DeliveryRow = typeof deliveries.$inferSelect;
export type NewDelivery = Omit<typeof deliveries.$inferInsert, "duplicates">;
export type DecisionRow = typeof deliveryDecisions.$inferSelect;

export interface Decision {
  readonly workflow: string;
  readonly block: string;
  readonly matched: boolean;
  readonly condition: string;
  readonly detail: string;
  readonly run: NewRun | null;
}

export type Accepted =
  | { readonly kind: "stored" }
  /** The same key came before: its record, untouched. */
  | { readonly kind: "duplicate"; readonly first: DeliveryRow }
  /** A run id that the sender chose is taken; nothing was stored. */
  | { readonly kind: "run_exists"; readonly run: NewRun };

class RunExists extends Error {
  constructor(readonly run: NewRun) {
    super("run exists");
  }
}

/**
 * Delivery, decisions, runs and queue rows in one transaction (TX-01): there is no state in which one exists without the
 * others, and a repeated key starts nothing however many copies arrive at once.
 */
export async function acceptDelivery(
  db: Db,
  delivery: NewDelivery,
  decisions: readonly Decision[],
  now: Date,
): Promise<Accepted> {
  try {
    return await db.transaction(async (tx) => {
      const inserted = await tx.insert(deliveries).values(delivery).onConflictDoNothing().returning({
        id: deliveries.id,
      });
      if (inserted.length === 0) {
        const first = await findDelivery(tx, delivery.source, delivery.dedupeKey ?? "");
        if (first === null) throw new Error(`delivery ${delivery.id} conflicts with none of its key`);
        await tx.update(deliveries).set({ duplicates: sql`${deliveries.duplicates} + 1` }).where(
          eq(deliveries.id, first.id),
        );
        return { kind: "duplicate", first };
      }
      for (const { run, ...decision } of decisions) {
        if (run !== null && !await insertRun(tx, run, now)) throw new RunExists(run);
        await tx.insert(deliveryDecisions).values({
          deliveryId: delivery.id,
          ...decision,
          runId: run?.id ?? null,
        });
      }
      return { kind: "stored" };
    });
  } catch (error) {
    if (error instanceof RunExists) return { kind: "run_exists", run: error.run };
    throw error;
  }
}

/** A delivery that starts nothing: refused, ignored, ping. A repeated key keeps the first record. */
export async function recordDelivery(db: Executor, delivery: NewDelivery): Promise<void> {
  await db.insert(deliveries).values(delivery).onConflictDoNothing();
}

export async function findDelivery(
  db: Executor,
  source: string,
  dedupeKey: string,
): Promise<DeliveryRow | null> {
  const [row] = await db.select().from(deliveries)
    .where(and(eq(deliveries.source, source), eq(deliveries.dedupeKey, dedupeKey)));
  return row ?? null;
}

/** Newest first; `before` is the last id of the page before. */
export async function listDeliveries(
  db: Executor,
  filter: { readonly before?: string; readonly outcome?: DeliveryRow["outcome"]; readonly limit: number },
): Promise<DeliveryRow[]> {
  return await db.select().from(deliveries).where(and(
    filter.before === undefined ? undefined : lt(deliveries.id, filter.before),
    filter.outcome === undefined ? undefined : eq(deliveries.outcome, filter.outcome),
  )).orderBy(desc(deliveries.id)).limit(filter.limit);
}

export async function getDelivery(
  db: Executor,
  id: string,
): Promise<{ delivery: DeliveryRow; decisions: DecisionRow[] } | null> {
  const [delivery] = await db.select().from(deliveries).where(eq(deliveries.id, id));
  if (delivery === undefined) return null;
  const decisions = await db.select().from(deliveryDecisions).where(eq(deliveryDecisions.deliveryId, id))
    .orderBy(deliveryDecisions.workflow, deliveryDecisions.block);
  return { delivery, decisions };
}
