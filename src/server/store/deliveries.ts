/** One row for each request at an endpoint or webhook, with the decision for each workflow. */
import { and, desc, eq, lt, sql } from "drizzle-orm";
import type { Db, Executor, Transaction } from "./db.ts";
import { query } from "./query.ts";
import type { NewRun } from "./runs.ts";
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
  | { readonly kind: "duplicate"; readonly first: DeliveryRow };

/** What a delivery came to, told once its runs are known. */
export type Ending = Pick<NewDelivery, "outcome" | "reason" | "httpStatus" | "answer">;

/** Stores the run; false: its id is taken. May be tried again with the whole transaction. */
export type StoreRun = (tx: Transaction, run: NewRun) => Promise<boolean>;

/**
 * Delivery, decisions, runs and queue rows in one transaction (TX-01): there is no state in which one exists without the
 * others, and a repeated key starts nothing however many copies arrive at once. A run whose id is taken is a decision that
 * did not match, with that reason; `end` sees the runs that were stored.
 */
export async function acceptDelivery(
  db: Db,
  delivery: NewDelivery,
  decisions: readonly Decision[],
  store: StoreRun,
  end: (stored: readonly Decision[], tx: Transaction) => Ending | Promise<Ending>,
): Promise<Accepted> {
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
    const stored: Decision[] = [];
    for (const decision of decisions) {
      const isFree = decision.run === null || await store(tx, decision.run);
      stored.push(isFree ? decision : { ...decision, ...runExists(decision.run) });
    }
    for (const { run, ...decision } of stored) {
      await tx.insert(deliveryDecisions).values({
        deliveryId: delivery.id,
        ...decision,
        runId: run?.id ?? null,
      });
    }
    await tx.update(deliveries).set(await end(stored, tx)).where(eq(deliveries.id, delivery.id));
    return { kind: "stored" };
  });
}

export const RUN_EXISTS = "dagRunId";

function runExists(run: NewRun | null): Pick<Decision, "matched" | "condition" | "detail" | "run"> {
  return {
    matched: false,
    condition: RUN_EXISTS,
    detail: `run ${run?.name}:${run?.dagRunId} exists already`,
    run: null,
  };
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

/** How many rows one call of `pruneRefused` removes. */
export const PRUNED_AT_ONCE = 1_000;

/**
 * Anybody on the network can be refused, as often as they like, so only the newest `keep` refusals stay, and those
 * with a key: their sender was known, and a repeat is answered with them (WH-52, WH-54). Answers how many went;
 * at `PRUNED_AT_ONCE` there may be more.
 */
export async function pruneRefused(db: Executor, keep: number): Promise<number> {
  const rows = await query(
    db,
    sql`
    with gone as (
      select id from deliveries where outcome = 'refused' and dedupe_key is null
      order by received_at desc offset ${keep}::int limit ${PRUNED_AT_ONCE}::int),
    decisions as (delete from delivery_decisions where delivery_id in (select id from gone))
    delete from deliveries where id in (select id from gone)
    returning 1 as gone`,
  );
  return rows.length;
}
