/** Runners, the tokens that admit them, and when they were last seen. */
import { and, desc, eq, gt, gte, inArray, lt, ne, or, sql } from "drizzle-orm";
import type { Resources } from "../../protocol/resources.ts";
import type { Boot } from "../../protocol/boot.ts";
import type { Db, Executor, Transaction } from "./db.ts";
import { PREPARED, query } from "./query.ts";
import { controlHeartbeat, registrationTokens, runners, runnersLive } from "./schema.ts";

/** What has been silent for so long is not counted on: five heartbeats (LO-08). */
export const SILENT_MS = 75_000;

export type RunnerRow = typeof runners.$inferSelect;

export async function insertRegistrationToken(
  db: Executor,
  token: typeof registrationTokens.$inferInsert,
): Promise<void> {
  await db.insert(registrationTokens).values(token);
}

/** Held until the transaction ends; null: it is unknown or expired. It may be spent. */
export async function lockRegistrationToken(
  tx: Transaction,
  digest: string,
  now: Date,
): Promise<typeof registrationTokens.$inferSelect | null> {
  const [row] = await tx.select().from(registrationTokens)
    .where(and(eq(registrationTokens.digest, digest), gt(registrationTokens.expiresAt, now))).for("update");
  return row ?? null;
}

/** The runner that this machine registered with the token since then, and that has not changed its token. */
export async function registeredSince(
  tx: Transaction,
  tokenId: string,
  machineId: string,
  since: Date,
): Promise<RunnerRow | null> {
  const [row] = await tx.select().from(runners).where(and(
    eq(runners.registeredBy, tokenId),
    eq(runners.machineId, machineId),
    eq(runners.tokenGeneration, 0),
    eq(runners.state, "active"),
    gt(runners.createdAt, since),
  )).orderBy(desc(runners.createdAt)).limit(1);
  return row ?? null;
}

export async function updateRunner(
  tx: Executor,
  id: string,
  change: Partial<typeof runners.$inferInsert>,
): Promise<void> {
  await tx.update(runners).set(change).where(eq(runners.id, id));
}

/** Uses the token up by one; null when it is unknown, spent or expired. */
export async function spendRegistrationToken(
  tx: Transaction,
  digest: string,
  now: Date,
): Promise<typeof registrationTokens.$inferSelect | null> {
  const [row] = await tx.update(registrationTokens).set({ usesLeft: sql`${registrationTokens.usesLeft} - 1` })
    .where(and(
      eq(registrationTokens.digest, digest),
      gt(registrationTokens.usesLeft, 0),
      gt(registrationTokens.expiresAt, now),
    )).returning();
  return row ?? null;
}

export async function insertRunner(tx: Transaction, runner: typeof runners.$inferInsert): Promise<void> {
  await tx.insert(runners).values(runner);
}

/** By its current token or by the one before. */
export async function runnerByToken(db: Executor, tokenDigest: string): Promise<RunnerRow | null> {
  const [row] = await db.select().from(runners)
    .where(or(eq(runners.tokenDigest, tokenDigest), eq(runners.previousDigest, tokenDigest)));
  return row ?? null;
}

/** false: somebody was faster. */
export async function replaceToken(
  db: Executor,
  runner: Pick<RunnerRow, "id" | "tokenDigest" | "tokenGeneration">,
  next: { readonly digest: string; readonly expiresAt: Date; readonly previousUntil: Date },
): Promise<boolean> {
  const rows = await db.update(runners).set({
    tokenDigest: next.digest,
    tokenExpiresAt: next.expiresAt,
    tokenGeneration: runner.tokenGeneration + 1,
    previousDigest: runner.tokenDigest,
    previousUntil: next.previousUntil,
  }).where(and(eq(runners.id, runner.id), eq(runners.tokenGeneration, runner.tokenGeneration)))
    .returning({ id: runners.id });
  return rows.length > 0;
}

export async function endPreviousToken(db: Executor, id: string, at: Date): Promise<void> {
  await db.update(runners).set({ previousUntil: at }).where(eq(runners.id, id));
}

/** The process that speaks for the runner from now on; false: a newer one does. */
export async function setBoot(db: Executor, id: string, boot: Boot): Promise<boolean> {
  const rows = await db.update(runners)
    .set({
      boot: boot.number,
      bootId: boot.id,
      state: sql`case when ${runners.state} = 'away' then 'active' else ${runners.state} end`,
    })
    .where(and(eq(runners.id, id), lt(runners.boot, boot.number))).returning({ id: runners.id });
  return rows.length > 0;
}

/** Its process, of that number, has ended. A newer one may have spoken meanwhile: then it is there. */
export async function markAway(db: Executor, id: string, boot: number): Promise<void> {
  await db.update(runners).set({ state: "away" })
    .where(and(eq(runners.id, id), eq(runners.boot, boot), inArray(runners.state, ["active", "draining"])));
}

/** Nobody speaks for them any more: their tokens have ended, and who comes back registers anew. */
export async function forgetRunners(db: Executor, now: Date): Promise<void> {
  await db.update(runners).set({ state: "gone" })
    .where(and(ne(runners.state, "gone"), lt(runners.tokenExpiresAt, now)));
}

export async function getRunner(db: Executor, id: string): Promise<RunnerRow | null> {
  const [row] = await db.select().from(runners).where(eq(runners.id, id));
  return row ?? null;
}

export async function setRunnerState(db: Executor, id: string, state: RunnerRow["state"]): Promise<void> {
  await db.update(runners).set({ state }).where(eq(runners.id, id));
}

/** By id, or by a name that only one of them has that is not gone; "ambiguous": several have it. */
export async function findRunner(db: Executor, idOrName: string): Promise<RunnerRow | "ambiguous" | null> {
  const isId = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(idOrName);
  const rows = await db.select().from(runners)
    .where(and(isId ? eq(runners.id, idOrName) : eq(runners.name, idOrName), ne(runners.state, "gone")))
    .limit(2);
  return rows.length > 1 ? "ambiguous" : rows[0] ?? null;
}

export async function holdRunner(db: Executor, id: string, held: boolean): Promise<void> {
  await db.update(runners).set({ held }).where(eq(runners.id, id));
}

/**
 * Nobody waits for the disk: what a crash of the database takes away, the next claim tells again. Of no transaction, which would
 * not wait either.
 */
export async function markSeen(
  db: Db,
  seen: {
    readonly runnerId: string;
    readonly free: number;
    readonly spoolBytes?: number;
    readonly resources?: Resources;
  },
  now: Date,
): Promise<void> {
  const { runnerId, free, spoolBytes = null, resources } = seen;
  const { cpu = null, memoryBytes = null } = resources ?? {};
  const isTold = resources !== undefined;
  await query(
    db,
    sql`
    insert into runners_live as l (runner_id, last_seen_at, free, spool_bytes, free_cpu, free_memory)
    select ${runnerId}::uuid, ${now.toISOString()}::timestamptz, ${free}::int, coalesce(${spoolBytes}::bigint, 0),
      ${cpu}::float8, ${memoryBytes}::bigint
    from (select set_config('synchronous_commit', 'off', true)) as quick
    on conflict (runner_id) do update set last_seen_at = excluded.last_seen_at, free = excluded.free,
      spool_bytes = coalesce(${spoolBytes}::bigint, l.spool_bytes),
      free_cpu = case when ${isTold} then excluded.free_cpu else l.free_cpu end,
      free_memory = case when ${isTold} then excluded.free_memory else l.free_memory end ${PREPARED}`,
  );
}

/** false: a newer heartbeat was heard before. */
export async function isNewestBeat(db: Executor, runnerId: string, beat: number): Promise<boolean> {
  const rows = await db.update(runnersLive).set({ beat })
    .where(and(eq(runnersLive.runnerId, runnerId), lt(runnersLive.beat, beat)))
    .returning({ id: runnersLive.runnerId });
  return rows.length > 0;
}

export interface ListedRunner extends RunnerRow {
  readonly lastSeenAt: Date | null;
  readonly free: number | null;
  /** What it has left of what it offers; null: it does not count that. */
  readonly freeCpu: number | null;
  readonly freeMemory: number | null;
}

/** For so long one that left is listed: fleets start and end many of them. */
const AWAY_LISTED_MS = 86_400_000;

/** Those that left last. */
export async function listRunners(db: Executor, nowMs: number): Promise<ListedRunner[]> {
  const isAway = eq(runners.state, "away");
  const rows = await db.select().from(runners).leftJoin(runnersLive, eq(runners.id, runnersLive.runnerId))
    .where(and(
      ne(runners.state, "gone"),
      or(ne(runners.state, "away"), gt(runnersLive.lastSeenAt, new Date(nowMs - AWAY_LISTED_MS))),
    )).orderBy(isAway, desc(runners.id)).limit(1_000);
  return rows.map((row) => ({
    ...row.runners,
    lastSeenAt: row.runners_live?.lastSeenAt ?? null,
    free: row.runners_live?.free ?? null,
    freeCpu: row.runners_live?.freeCpu ?? null,
    freeMemory: row.runners_live?.freeMemory ?? null,
  }));
}

/** Notes that the control plane is up. Answers false, and notes nothing: it was not noted for longer than `mostMs`, or never. */
export async function beatInTime(db: Executor, now: Date, mostMs: number): Promise<boolean> {
  const rows = await db.update(controlHeartbeat).set({ lastAt: now })
    .where(and(eq(controlHeartbeat.id, 1), gte(controlHeartbeat.lastAt, new Date(now.getTime() - mostMs))))
    .returning({ id: controlHeartbeat.id });
  return rows.length > 0;
}

/**
 * Notes that the control plane is up, and answers how many milliseconds it was not noted for (0 the first time). The row is
 * held until the transaction ends. Two statements: one that both locks and writes a row does not see what it was before.
 * A clock that was set back is believed: leases are renewed by it from then on, so a gap must be measured from there.
 */
export async function beat(tx: Transaction, now: Date): Promise<number> {
  const [before] = await tx.select({ lastAt: controlHeartbeat.lastAt }).from(controlHeartbeat)
    .where(eq(controlHeartbeat.id, 1)).for("update");
  await tx.insert(controlHeartbeat).values({ id: 1, lastAt: now }).onConflictDoUpdate({
    target: controlHeartbeat.id,
    set: { lastAt: now },
  });
  return before === undefined ? 0 : Math.max(0, now.getTime() - before.lastAt.getTime());
}
