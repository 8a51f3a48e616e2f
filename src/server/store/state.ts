/** Workflow state: versioned values by scope, namespace and key. */
import { and, asc, eq, sql } from "drizzle-orm";
import type { Executor, Transaction } from "./db.ts";
import { stateAnswers, workflowState } from "./schema.ts";

export interface StatePlace {
  readonly scope: string;
  readonly namespace: string;
}

export type StateRow = typeof workflowState.$inferSelect;

function at({ scope, namespace }: StatePlace, key: string) {
  return and(
    eq(workflowState.scope, scope),
    eq(workflowState.namespace, namespace),
    eq(workflowState.key, key),
  );
}

export async function getState(db: Executor, place: StatePlace, key: string): Promise<StateRow | null> {
  const [row] = await db.select().from(workflowState).where(at(place, key));
  return row ?? null;
}

/** Keys that begin with the prefix, in order. */
export async function listState(
  db: Executor,
  { scope, namespace }: StatePlace,
  prefix: string,
  limit: number,
): Promise<StateRow[]> {
  return await db.select().from(workflowState).where(and(
    eq(workflowState.scope, scope),
    eq(workflowState.namespace, namespace),
    sql`starts_with(${workflowState.key}, ${prefix})`,
  )).orderBy(asc(workflowState.key)).limit(limit);
}

/** null: the value is not at the expected version (0: it must not exist). Without expectation the last writer wins. */
export async function putState(
  tx: Transaction,
  place: StatePlace,
  key: string,
  value: unknown,
  expected: number | null,
  now: Date,
): Promise<StateRow | null> {
  const row = { ...place, key, value, version: 1, updatedAt: now };
  const change = { value, version: sql`${workflowState.version} + 1`, updatedAt: now };
  const target = [workflowState.scope, workflowState.namespace, workflowState.key];
  const written = expected === null
    ? await tx.insert(workflowState).values(row).onConflictDoUpdate({ target, set: change }).returning()
    : expected === 0
    ? await tx.insert(workflowState).values(row).onConflictDoNothing({ target }).returning()
    : await tx.update(workflowState).set(change).where(
      and(at(place, key), eq(workflowState.version, expected)),
    )
      .returning();
  return written[0] ?? null;
}

/** The deleted row; null: there was none at that version. */
export async function deleteState(
  tx: Transaction,
  place: StatePlace,
  key: string,
  expected: number | null,
): Promise<StateRow | null> {
  const isExpected = expected === null ? undefined : eq(workflowState.version, expected);
  const [row] = await tx.delete(workflowState).where(and(at(place, key), isExpected)).returning();
  return row ?? null;
}

/** null: the attempt was not answered to this request. */
export async function stateAnswerOf(tx: Transaction, attemptId: string, requestId: string): Promise<unknown> {
  const [row] = await tx.select({ reply: stateAnswers.reply }).from(stateAnswers)
    .where(and(eq(stateAnswers.attemptId, attemptId), eq(stateAnswers.requestId, requestId)));
  return row?.reply ?? null;
}

export async function keepStateAnswer(
  tx: Transaction,
  answer: typeof stateAnswers.$inferInsert,
): Promise<void> {
  await tx.insert(stateAnswers).values(answer);
}
