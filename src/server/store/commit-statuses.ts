/**
 * What forges are told of commits (FG-71). What is wanted is what the run is, read when it is told: so nothing is written for
 * it while a run goes on, the newest is told and never an older one after it, and none is forgotten.
 */
import { and, eq, inArray, isNotNull, ne, or, type SQL, sql } from "drizzle-orm";
import type { RunStatus } from "../../run/event.ts";
import type { Executor, Transaction } from "./db.ts";
import { query } from "./query.ts";
import { codeOf } from "./runs.ts";
import { commitStatuses, endpoints, runs } from "./schema.ts";

/** How far a run is, for a forge; or why there is none. */
export type Phase = Exclude<RunStatus, "not_started"> | "skipped" | "unstartable";

const PHASES: Readonly<Record<RunStatus, Phase>> = {
  not_started: "queued",
  queued: "queued",
  running: "running",
  waiting: "waiting",
  succeeded: "succeeded",
  partially_succeeded: "partially_succeeded",
  failed: "failed",
  aborted: "aborted",
  rejected: "rejected",
};

/** Of a run `r`. */
const PHASE_OF_RUN = sql`case r.status ${
  sql.join(
    Object.entries(PHASES).map(([status, phase]) =>
      sql.raw(`when ${codeOf(status as RunStatus)} then '${phase}'`)
    ),
    sql` `,
  )
} end`;

/** Which status of which commit. */
export interface StatusKey {
  readonly endpointId: string;
  readonly repo: string;
  readonly sha: string;
  readonly context: string;
}

export interface WantedStatus extends StatusKey {
  readonly targetUrl: string;
  /** A run's, or one that stays as it is. */
  readonly of: { readonly runId: string } | { readonly phase: "skipped" | "unstartable" };
}

/**
 * From now on the commit's status is this one's. Whoever is just telling the older one goes on with it, and this is told
 * afterwards: `takeDue` has taken the row until then. What was skipped takes nobody's place but that of another that was:
 * a run of the commit may fail, and its check must not be passed by what the paths of another push leave out (FG-74).
 */
export async function wantStatus(tx: Transaction, { of, ...status }: WantedStatus, now: Date): Promise<void> {
  const change = {
    targetUrl: status.targetUrl,
    runId: "runId" in of ? of.runId : null,
    phase: "phase" in of ? of.phase : "",
    told: "",
    isOpen: true,
    tries: 0,
    failingSince: null,
    problem: "",
  };
  await tx.insert(commitStatuses).values({ ...status, ...change, nextTryAt: now }).onConflictDoUpdate({
    target: [
      commitStatuses.endpointId,
      commitStatuses.repo,
      commitStatuses.sha,
      commitStatuses.context,
    ],
    set: { ...change, nextTryAt: sql`greatest(${commitStatuses.nextTryAt}, excluded.next_try_at)` },
    ...(change.phase === "skipped" ? { setWhere: eq(commitStatuses.phase, "skipped") } : {}),
  });
}

export interface DueStatus extends StatusKey {
  readonly runId: string | null;
  readonly targetUrl: string;
  readonly phase: Phase;
  readonly tries: number;
  readonly failingSince: Date | null;
  /** Of the run; null: it has not begun, or not ended. */
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
}

type Times = "failingSince" | "startedAt" | "finishedAt";
type DueColumns =
  & Omit<DueStatus, Times>
  & { readonly [T in Times]: number | null }
  & Record<string, unknown>;

/**
 * Statuses that a forge does not know yet, the caller's alone until `until`: then it is taken to have died over them. Those
 * that are no run's go when they are told and their pause is over: no run takes them along when it is deleted.
 */
export async function takeDue(db: Executor, now: Date, until: Date, limit: number): Promise<DueStatus[]> {
  const rows = await query<DueColumns>(
    db,
    sql`
    with due as (
      select s.endpoint_id, s.repo, s.sha, s.context, coalesce(${PHASE_OF_RUN}, s.phase) as phase,
        r.started_at, r.finished_at
      from commit_statuses s left join runs r on r.id = s.run_id
      where s.is_open and s.next_try_at <= ${now.toISOString()}::timestamptz
        and coalesce(${PHASE_OF_RUN}, s.phase) <> s.told
      order by s.next_try_at limit ${limit}::int for update of s skip locked),
      over as (
        select endpoint_id, repo, sha, context from commit_statuses
        where is_open and next_try_at <= ${now.toISOString()}::timestamptz and run_id is null and phase = told
        for update skip locked),
      gone as (
        delete from commit_statuses s using over o
        where s.endpoint_id = o.endpoint_id and s.repo = o.repo and s.sha = o.sha and s.context = o.context)
    update commit_statuses s set next_try_at = ${until.toISOString()}::timestamptz
    from due d
    where s.endpoint_id = d.endpoint_id and s.repo = d.repo and s.sha = d.sha and s.context = d.context
    returning s.endpoint_id as "endpointId", s.repo, s.sha, s.context, s.run_id as "runId", s.target_url as "targetUrl",
      d.phase, s.tries, ${msOf("s.failing_since")} as "failingSince",
      ${msOf("d.started_at")} as "startedAt", ${msOf("d.finished_at")} as "finishedAt"`,
  );
  const dateOf = (ms: number | null): Date | null => ms === null ? null : new Date(ms);
  return rows.map((row) => ({
    ...row,
    failingSince: dateOf(row.failingSince),
    startedAt: dateOf(row.startedAt),
    finishedAt: dateOf(row.finishedAt),
  }));
}

function msOf(time: string): SQL {
  return sql.raw(`(extract(epoch from ${time}) * 1000)::float8`);
}

/** How telling it ended. */
export interface StatusEnd {
  /** What the forge knows now; null: it was not told. */
  readonly told: Phase | null;
  readonly isOpen: boolean;
  readonly nextTryAt: Date;
  readonly tries: number;
  readonly failingSince: Date | null;
  /** "": none. */
  readonly problem: string;
}

/**
 * If the commit's status has become another's meanwhile, that one's turn comes; if its run goes on, that is told, too. What is
 * no run's stays open until `takeDue` removes it. Answers whether it still was the commit's status.
 */
export async function noteEnd(
  tx: Transaction,
  due: DueStatus,
  { told, ...end }: StatusEnd,
): Promise<boolean> {
  const isDone = !end.isOpen && (due.runId === null || await isStill(tx, due.runId, due.phase));
  const isOpen = sql`${!isDone}::boolean or ${commitStatuses.runId} is null`;
  const isHere = and(
    eq(commitStatuses.endpointId, due.endpointId),
    eq(commitStatuses.repo, due.repo),
    eq(commitStatuses.sha, due.sha),
    eq(commitStatuses.context, due.context),
  );
  // Each that is no run's has its delivery's address, or that of its run, which was deleted meanwhile.
  const isSame = and(
    eq(commitStatuses.targetUrl, due.targetUrl),
    or(eq(commitStatuses.phase, due.phase), sql`${commitStatuses.runId} = ${due.runId}::uuid`),
  );
  const noted = await tx.update(commitStatuses).set({ ...end, isOpen, ...(told === null ? {} : { told }) })
    .where(and(isHere, isSame)).returning({ told: commitStatuses.told });
  if (noted.length > 0) return true;
  await tx.update(commitStatuses).set({ nextTryAt: end.nextTryAt }).where(isHere);
  return false;
}

/**
 * What came of telling the latest status of an endpoint. Not in the transaction that holds the status: who disconnects an
 * endpoint holds that one first.
 */
export async function noteProblem(db: Executor, endpointId: string, problem: string): Promise<void> {
  await db.update(endpoints).set({ problem })
    .where(and(eq(endpoints.id, endpointId), isNotNull(endpoints.apiToken), ne(endpoints.problem, problem)));
}

/** Held, so that whoever takes the run up again does so before this, or opens the status again after it. */
async function isStill(tx: Transaction, runId: string, phase: Phase): Promise<boolean> {
  const [run] = await query<{ phase: Phase }>(
    tx,
    sql`select ${PHASE_OF_RUN} as phase from runs r where r.id = ${runId}::uuid for share`,
  );
  return run === undefined || run.phase === phase;
}

/** The run has ended once and goes on. */
export async function reopenStatuses(tx: Transaction, runId: string, now: Date): Promise<void> {
  await tx.update(commitStatuses)
    .set({
      isOpen: true,
      tries: 0,
      failingSince: null,
      nextTryAt: sql`greatest(${commitStatuses.nextTryAt}, ${now.toISOString()}::timestamptz)`,
    })
    .where(eq(commitStatuses.runId, runId));
}

/** Before the runs are deleted: what a forge still is to be told of them stays. */
export async function keepStatuses(tx: Transaction, runIds: readonly string[]): Promise<void> {
  const ofThem = inArray(commitStatuses.runId, [...runIds]);
  await tx.delete(commitStatuses).where(and(ofThem, eq(commitStatuses.isOpen, false)));
  await tx.update(commitStatuses).set({
    runId: null,
    phase: sql`(select ${PHASE_OF_RUN} from ${runs} r where r.id = ${commitStatuses.runId})`,
  }).where(ofThem);
}

export interface Backlog {
  /** Statuses that a forge does not know as they are. */
  readonly pending: number;
  /** How long the oldest of them has failed, s; 0: none does. */
  readonly failingSeconds: number;
}

export async function statusBacklog(db: Executor, now: Date): Promise<Backlog> {
  const [row] = await query<{ pending: number; failingSeconds: number }>(
    db,
    sql`
    select count(*)::int as pending,
      greatest(0, coalesce(extract(epoch from ${now.toISOString()}::timestamptz - min(s.failing_since)), 0))::float8
        as "failingSeconds"
    from commit_statuses s left join runs r on r.id = s.run_id
    where s.is_open and coalesce(${PHASE_OF_RUN}, s.phase) <> s.told`,
  );
  return row ?? { pending: 0, failingSeconds: 0 };
}

export type CommitStatusRow = typeof commitStatuses.$inferSelect;

export async function statusesOf(db: Executor, runId: string): Promise<CommitStatusRow[]> {
  return await db.select().from(commitStatuses).where(eq(commitStatuses.runId, runId))
    .orderBy(commitStatuses.context);
}

/** Those of an endpoint that will not be told any more. */
export async function dropStatuses(tx: Transaction, endpointId: string): Promise<void> {
  await tx.delete(commitStatuses).where(eq(commitStatuses.endpointId, endpointId));
}

/** Endpoints' tokens by id, still sealed. */
export async function apiTokens(
  db: Executor,
  ids: readonly string[],
): Promise<ReadonlyMap<string, Uint8Array>> {
  const rows = await db.select({ id: endpoints.id, apiToken: endpoints.apiToken }).from(endpoints)
    .where(and(inArray(endpoints.id, [...ids]), isNotNull(endpoints.apiToken)));
  return new Map(rows.flatMap(({ id, apiToken }) => apiToken === null ? [] : [[id, apiToken]]));
}
