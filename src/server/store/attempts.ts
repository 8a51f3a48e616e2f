/** Attempts, their leases, and what the control plane wants to tell their runners. */
import { and, asc, eq, inArray, isNull, sql } from "drizzle-orm";
import type { Executor, Transaction } from "./db.ts";
import { query } from "./query.ts";
import { attemptLeases, attempts, directives } from "./schema.ts";

export type AttemptRow = typeof attempts.$inferSelect;
export type AttemptState = AttemptRow["state"];

export const LIVE_STATES = ["claimed", "started", "cancelling"] as const satisfies readonly AttemptState[];

export function isLive(attempt: Pick<AttemptRow, "state">): boolean {
  return LIVE_STATES.some((state) => state === attempt.state);
}

export interface NewAttempt {
  readonly id: string;
  readonly runId: string;
  readonly fence: number;
  readonly runnerId: string;
  readonly claimId: string;
  readonly tokenDigest: string;
  readonly leaseMs: number;
  readonly graceMs: number;
  readonly startDeadlineMs: number;
}

export async function insertAttempt(tx: Transaction, attempt: NewAttempt, now: Date): Promise<void> {
  const { leaseMs, graceMs, startDeadlineMs, ...row } = attempt;
  await tx.insert(attempts).values({ ...row, state: "claimed", claimedAt: now });
  await tx.insert(attemptLeases).values({
    attemptId: attempt.id,
    runnerId: attempt.runnerId,
    expiresAt: new Date(now.getTime() + leaseMs),
    graceMs,
    startDeadline: new Date(now.getTime() + startDeadlineMs),
  });
}

export async function getAttempt(db: Executor, id: string): Promise<AttemptRow | null> {
  const [row] = await db.select().from(attempts).where(eq(attempts.id, id));
  return row ?? null;
}

export async function lockAttempt(tx: Transaction, id: string): Promise<AttemptRow | null> {
  const [row] = await tx.select().from(attempts).where(eq(attempts.id, id)).for("update");
  return row ?? null;
}

export async function updateAttempt(
  tx: Transaction,
  id: string,
  change: Partial<Omit<typeof attempts.$inferInsert, "id" | "runId" | "fence">>,
): Promise<void> {
  await tx.update(attempts).set(change).where(eq(attempts.id, id));
}

/** The run's live attempt, held. */
export async function lockLiveAttempt(tx: Transaction, runId: string): Promise<AttemptRow | null> {
  const [row] = await tx.select().from(attempts)
    .where(and(eq(attempts.runId, runId), inArray(attempts.state, [...LIVE_STATES]))).for("update");
  return row ?? null;
}

export async function listAttempts(db: Executor, runId: string): Promise<AttemptRow[]> {
  return await db.select().from(attempts).where(eq(attempts.runId, runId)).orderBy(asc(attempts.fence));
}

/** Attempts that this very claim was given before and that have not started (CL-09). */
export async function claimedBy(db: Executor, claimId: string, runnerId: string): Promise<AttemptRow[]> {
  return await db.select().from(attempts).where(
    and(eq(attempts.claimId, claimId), eq(attempts.runnerId, runnerId), eq(attempts.state, "claimed")),
  ).orderBy(asc(attempts.id));
}

/** Copies of one claim go one after the other, until the transaction ends: the second finds what the first took. */
export async function lockClaim(tx: Transaction, claimId: string): Promise<void> {
  await query(tx, sql`select pg_advisory_xact_lock(hashtextextended(${claimId}, 0))::text as held`);
}

export async function liveOfRunner(db: Executor, runnerId: string): Promise<AttemptRow[]> {
  return await db.select().from(attempts)
    .where(and(eq(attempts.runnerId, runnerId), inArray(attempts.state, [...LIVE_STATES])))
    .orderBy(asc(attempts.id));
}

// ---- leases -----------------------------------------------------------------------------------------------------

/** Renews the leases of the runner's live attempts that it names; the database decides by its own rows. */
export async function renewLeases(
  db: Executor,
  runnerId: string,
  attemptIds: readonly string[],
  expiresAt: Date,
): Promise<void> {
  if (attemptIds.length === 0) return;
  await db.update(attemptLeases).set({ expiresAt })
    .where(and(eq(attemptLeases.runnerId, runnerId), inArray(attemptLeases.attemptId, [...attemptIds])));
}

export async function markStarted(tx: Transaction, attemptId: string, now: Date): Promise<void> {
  await tx.update(attempts).set({
    state: sql`case when ${attempts.state} = 'claimed' then 'started' else ${attempts.state} end`,
    startedAt: now,
  })
    .where(eq(attempts.id, attemptId));
  await tx.update(attemptLeases).set({ startDeadline: null }).where(eq(attemptLeases.attemptId, attemptId));
}

export async function deleteLease(tx: Transaction, attemptId: string): Promise<void> {
  await tx.delete(attemptLeases).where(eq(attemptLeases.attemptId, attemptId));
}

/** Adds to every lease and deadline what the control plane itself was away (LO-05). */
export async function extendLeases(tx: Transaction, byMs: number): Promise<void> {
  await query(
    tx,
    sql`
    update attempts set cancel_deadline = cancel_deadline + ${byMs}::double precision * interval '1 millisecond'
    where cancel_deadline is not null and state in ('claimed', 'started', 'cancelling')`,
  );
  await query(
    tx,
    sql`
    update attempt_leases set
      expires_at = expires_at + ${byMs}::double precision * interval '1 millisecond',
      start_deadline = start_deadline + ${byMs}::double precision * interval '1 millisecond'`,
  );
}

export interface DueAttempt {
  readonly attemptId: string;
  readonly runId: string;
  readonly due: "lost" | "not_started" | "cancel_overdue";
}

/** Attempts whose time is over in one way or another. */
export async function dueAttempts(db: Executor, now: Date): Promise<DueAttempt[]> {
  const at = now.toISOString();
  const rows = await query<{ id: string; run_id: string; due: DueAttempt["due"] }>(
    db,
    sql`
    select a.id, a.run_id,
      case when a.cancel_deadline < ${at}::timestamptz then 'cancel_overdue'
           when l.start_deadline < ${at}::timestamptz then 'not_started' else 'lost' end as due
    from attempts a join attempt_leases l on l.attempt_id = a.id
    where a.state in ('claimed', 'started', 'cancelling') and (
      a.cancel_deadline < ${at}::timestamptz or l.start_deadline < ${at}::timestamptz
      or l.expires_at + l.grace_ms * interval '1 millisecond' < ${at}::timestamptz)
    order by a.id limit 200`,
  );
  return rows.map((row) => ({ attemptId: row.id, runId: row.run_id, due: row.due }));
}

// ---- directives -------------------------------------------------------------------------------------------------

export type DirectiveRow = typeof directives.$inferSelect;

export async function insertDirective(
  tx: Transaction,
  directive: {
    id: string;
    runnerId: string;
    attemptId: string | null;
    type: string;
    data: Record<string, unknown>;
  },
  now: Date,
): Promise<void> {
  await tx.insert(directives).values({ ...directive, createdAt: now });
}

/** They repeat until acknowledged; those of attempts that are over mean nothing any more. */
export async function openDirectives(db: Executor, runnerId: string): Promise<DirectiveRow[]> {
  return await db.select().from(directives)
    .where(and(eq(directives.runnerId, runnerId), isNull(directives.ackedAt)))
    .orderBy(asc(directives.id)).limit(100);
}

export async function acknowledgeDirectives(
  db: Executor,
  runnerId: string,
  ids: readonly string[],
  now: Date,
): Promise<void> {
  if (ids.length === 0) return;
  await db.update(directives).set({ ackedAt: now })
    .where(and(eq(directives.runnerId, runnerId), inArray(directives.id, [...ids])));
}

export async function voidDirectives(tx: Transaction, attemptId: string, now: Date): Promise<void> {
  await tx.update(directives).set({ ackedAt: now })
    .where(and(eq(directives.attemptId, attemptId), isNull(directives.ackedAt)));
}

/** Whether the attempt with this token, of this runner, refers to the blob (M12). */
export async function mayReadBlob(
  db: Executor,
  runnerId: string,
  tokenDigest: string,
  digest: string,
): Promise<boolean> {
  const rows = await query(
    db,
    sql`
    select 1 as ok from attempts a join run_inputs i on i.run_id = a.run_id
    where a.runner_id = ${runnerId} and a.token_digest = ${tokenDigest} and i.digest = ${digest} limit 1`,
  );
  return rows.length > 0;
}
