/** Attempts, their leases, and what the control plane wants to tell their runners. */
import { and, asc, eq, gte, inArray, isNull, lt, sql } from "drizzle-orm";
import type { Executor, Transaction } from "./db.ts";
import { PREPARED, query } from "./query.ts";
import type { RunRow } from "./runs.ts";
import { attemptLeases, attempts, directives, runs } from "./schema.ts";

export type AttemptRow = typeof attempts.$inferSelect;
export type AttemptState = AttemptRow["state"];

const LIVE_STATES: readonly AttemptState[] = ["claimed", "started", "cancelling"];

/** The attempts of these are those that have not ended, which is what the indexes know. */
export function isLive(attempt: Pick<AttemptRow, "state">): boolean {
  return LIVE_STATES.includes(attempt.state);
}

export async function getAttempt(db: Executor, id: string): Promise<AttemptRow | null> {
  const [row] = await db.select().from(attempts).where(eq(attempts.id, id));
  return row ?? null;
}

/** The row, which nobody changes until the transaction ends; others may look at it too. */
export async function shareAttempt(tx: Transaction, id: string): Promise<AttemptRow | null> {
  const [row] = await tx.select().from(attempts).where(eq(attempts.id, id)).for("share");
  return row ?? null;
}

/** From now on this process of the runner speaks for these attempts of it, and no older one. */
export async function raiseBoot(
  db: Executor,
  runnerId: string,
  attemptIds: readonly string[],
  boot: number,
): Promise<void> {
  if (attemptIds.length === 0 || boot === 0) return;
  await db.update(attempts).set({ boot })
    .where(
      and(eq(attempts.runnerId, runnerId), inArray(attempts.id, [...attemptIds]), lt(attempts.boot, boot)),
    );
}

/**
 * Only in the place of the one that was read, and of an attempt that has not begun: its runner has the token that it began
 * with, whichever copy of a claim comes late.
 */
export async function replaceTokenDigest(
  db: Executor,
  id: string,
  before: string,
  after: string,
): Promise<void> {
  await db.update(attempts).set({ tokenDigest: after })
    .where(and(eq(attempts.id, id), eq(attempts.tokenDigest, before), eq(attempts.state, "claimed")));
}

/** Both rows, held in the one order that everybody keeps: run, then attempt. null: there is no such attempt. */
export async function lockRunAndAttempt(
  tx: Transaction,
  attemptId: string,
): Promise<{ readonly run: RunRow; readonly attempt: AttemptRow } | null> {
  const [row] = await tx.select({ run: runs, attempt: attempts })
    .from(runs).innerJoin(attempts, eq(attempts.runId, runs.id)).where(eq(attempts.id, attemptId))
    .for("no key update", { of: [runs, attempts] });
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
    .where(and(eq(attempts.runId, runId), isNull(attempts.endedAt))).for("update");
  return row ?? null;
}

export async function listAttempts(db: Executor, runId: string): Promise<AttemptRow[]> {
  return await db.select().from(attempts).where(eq(attempts.runId, runId)).orderBy(asc(attempts.fence));
}

/** Of the runner, claimed by another claim than this one, and not since `recent`, not begun, and not among those that it holds. */
export async function forgottenOf(
  db: Executor,
  runnerId: string,
  { claimId, held, recent }: {
    readonly claimId: string;
    readonly held: readonly string[];
    readonly recent: { readonly from: Date; readonly to: Date };
  },
): Promise<string[]> {
  const rows = await query<{ id: string }>(
    db,
    sql`
    select id from attempts where runner_id = ${runnerId} and ended_at is null and state = 'claimed'
      and claim_id <> ${claimId}
      and claimed_at not between ${recent.from.toISOString()}::timestamptz and ${recent.to.toISOString()}::timestamptz
      and id not in (select value::uuid from jsonb_array_elements_text(${JSON.stringify(held)}::jsonb))
    order by id ${PREPARED}`,
  );
  return rows.map((row) => row.id);
}

export async function liveOfRunner(db: Executor, runnerId: string): Promise<AttemptRow[]> {
  return await db.select().from(attempts)
    .where(and(eq(attempts.runnerId, runnerId), isNull(attempts.endedAt)))
    .orderBy(asc(attempts.id));
}

// ---- leases -----------------------------------------------------------------------------------------------------

/**
 * Renews the leases of the runner's live attempts that it names; the database decides by its own rows. Answers whose lease
 * was renewed, with the grace that goes with it: nobody else may be told that it holds one.
 */
export async function renewLeases(
  db: Executor,
  runnerId: string,
  held: readonly { readonly attemptId: string }[],
  expiresAt: Date,
): Promise<ReadonlyMap<string, number>> {
  if (held.length === 0) return new Map();
  // In order: reports that end several attempts at once take their leases too, and nobody may wait in a circle.
  const inOrder = db.select({ id: attemptLeases.attemptId }).from(attemptLeases).where(and(
    eq(attemptLeases.runnerId, runnerId),
    inArray(attemptLeases.attemptId, held.map(({ attemptId }) => attemptId)),
  )).orderBy(asc(attemptLeases.attemptId)).for("no key update");
  const rows = await db.update(attemptLeases).set({ expiresAt, missedBeat: 0 })
    .where(inArray(attemptLeases.attemptId, inOrder))
    .returning({ id: attemptLeases.attemptId, graceMs: attemptLeases.graceMs });
  return new Map(rows.map((row) => [row.id, row.graceMs]));
}

/**
 * Attempts of the runner that have begun and that this heartbeat of it does not name, each with the beat that missed it before
 * (0: none), which this one takes the place of.
 */
export async function missAttempts(
  db: Executor,
  runnerId: string,
  named: readonly string[],
  beat: number,
): Promise<{ readonly attemptId: string; readonly before: number }[]> {
  const rows = await query<{ id: string; before: string | number }>(
    db,
    sql`
    with missed as (
      select l.attempt_id as id, l.missed_beat as before from attempt_leases l
      where l.runner_id = ${runnerId} and l.start_deadline is null and l.missed_beat < ${beat}
        and l.attempt_id <> all(array(select jsonb_array_elements_text(${
      JSON.stringify(named)
    }::jsonb)::uuid))
      order by l.attempt_id for update)
    update attempt_leases l set missed_beat = ${beat} from missed m where l.attempt_id = m.id
    returning m.id, m.before`,
  );
  return rows.map((row) => ({ attemptId: row.id, before: Number(row.before) }));
}

/** In grace an attempt is still its runner's, but it is given nothing new. */
export async function hasFreshLease(db: Executor, attemptId: string, now: Date): Promise<boolean> {
  const rows = await db.select({ id: attemptLeases.attemptId }).from(attemptLeases)
    .where(and(eq(attemptLeases.attemptId, attemptId), gte(attemptLeases.expiresAt, now)));
  return rows.length > 0;
}

/** The attempt is over: nothing of the queue, no lease and no directive is its own any more (TX-04). */
export async function endAttempt(
  tx: Transaction,
  attemptId: string,
  end: { readonly state: AttemptState; readonly reason: string; readonly ackSeq?: number },
  now: Date,
): Promise<void> {
  const at = now.toISOString();
  await query(
    tx,
    sql`
    with lease as (delete from attempt_leases where attempt_id = ${attemptId}),
      told as (update directives set acked_at = ${at} where attempt_id = ${attemptId} and acked_at is null),
      answered as (delete from state_answers where attempt_id = ${attemptId}),
      freed as (update slots set attempt_id = null where attempt_id = ${attemptId})
    update attempts set state = ${end.state}, reason = ${end.reason}, ended_at = ${at}, cancel_deadline = null,
      ack_seq = greatest(ack_seq, ${end.ackSeq ?? 0})
    where id = ${attemptId}`,
  );
}

/** Adds to every lease and deadline what the control plane itself was away (LO-05). */
export async function extendLeases(tx: Transaction, byMs: number): Promise<void> {
  await query(
    tx,
    sql`
    update attempts set cancel_deadline = cancel_deadline + ${byMs}::double precision * interval '1 millisecond'
    where cancel_deadline is not null and ended_at is null`,
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
  /** `overtime`: a stop, because its time was over, that nobody confirmed. */
  readonly due: "lost" | "not_started" | "cancel_overdue" | "overtime";
}

/** Attempts whose time is over in one way or another; of these only `attemptId`, and held, when it is given. */
export async function dueAttempts(db: Executor, now: Date, attemptId?: string): Promise<DueAttempt[]> {
  const at = now.toISOString();
  const isThat = attemptId === undefined ? sql`true` : sql`a.id = ${attemptId}`;
  const hold = attemptId === undefined ? sql`` : sql`for update of l`;
  const rows = await query<{ id: string; run_id: string; due: DueAttempt["due"] }>(
    db,
    sql`
    select a.id, a.run_id,
      case when a.state = 'cancelling' then case r.cancel_reason when 'timeout' then 'overtime' else 'cancel_overdue' end
           when l.start_deadline < ${at}::timestamptz then 'not_started' else 'lost' end as due
    from attempts a join attempt_leases l on l.attempt_id = a.id join runs r on r.id = a.run_id
    where ${isThat} and a.ended_at is null and (
      a.cancel_deadline < ${at}::timestamptz or l.start_deadline < ${at}::timestamptz
      or l.expires_at + l.grace_ms * interval '1 millisecond' < ${at}::timestamptz)
    order by a.id limit 200 ${hold}`,
  );
  return rows.map((row) => ({ attemptId: row.id, runId: row.run_id, due: row.due }));
}

// ---- directives -------------------------------------------------------------------------------------------------

type DirectiveRow = typeof directives.$inferSelect;
export type OpenDirective = Pick<DirectiveRow, "id" | "runnerId" | "attemptId" | "type" | "data">;

export async function insertDirective(
  db: Executor,
  directive: {
    id: string;
    runnerId: string;
    attemptId: string | null;
    type: string;
    data: Record<string, unknown>;
  },
  now: Date,
): Promise<void> {
  await db.insert(directives).values({ ...directive, createdAt: now });
}

/**
 * What each of the runners is still to be told, oldest first. They repeat until acknowledged; those of attempts that are over
 * mean nothing any more.
 */
export async function openDirectives(
  db: Executor,
  runnerIds: readonly string[],
): Promise<ReadonlyMap<string, readonly OpenDirective[]>> {
  const rows = await query<
    { id: string; runner_id: string; attempt_id: string | null; type: string; data: unknown }
  >(
    db,
    sql`
    select id, runner_id, attempt_id, type, data from directives
    where acked_at is null
      and runner_id in (select value::uuid from jsonb_array_elements_text(${
      JSON.stringify(runnerIds)
    }::jsonb))
    order by id limit ${100 * runnerIds.length} ${PREPARED}`,
  );
  return Map.groupBy(
    rows.map((row) => ({
      id: row.id,
      runnerId: row.runner_id,
      attemptId: row.attempt_id,
      type: row.type,
      data: row.data,
    })),
    ({ runnerId }) => runnerId,
  );
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
