/** Runs: the row that people and the API look at. */
import { and, arrayContains, asc, desc, eq, gte, inArray, isNull, lt, lte, type SQL, sql } from "drizzle-orm";
import * as v from "valibot";
import { RUN_STATUSES, type RunStatus } from "../../run/event.ts";
import { Failure } from "../../run/failure.ts";
import { newRunState } from "../../run/state.ts";
import type { Concurrency } from "../../workflow/trigger.ts";
import type { OnLost, Workflow } from "../../workflow/workflow.ts";
import type { Blob } from "./blob.ts";
import { putBlob } from "./blobs.ts";
import type { Executor, Transaction } from "./db.ts";
import { lockText, query } from "./query.ts";
import { enqueueRun } from "./queue.ts";
import { openQueue } from "./queue-settings.ts";
import { runInputs, runs } from "./schema.ts";
import { insertSteps } from "./steps.ts";

export type Trust = "trusted" | "untrusted";

export interface RunParent {
  readonly parentId: string;
  readonly rootId: string;
  /** Digest of what the parent's step wants done. */
  readonly childKey: string;
}

/** A run that was planned and is not stored yet. */
export interface NewRun {
  readonly id: string;
  readonly name: string;
  readonly dagRunId: string;
  readonly fileName: string | null;
  readonly workflow: Workflow;
  readonly definition: Blob;
  /** Name of the document that is executed; "": the first. */
  readonly document: string;
  readonly sourceDir: string;
  readonly defaultDir: string;
  /** The run whose step starts this one; null: nobody's. */
  readonly parent: RunParent | null;
  readonly scheduleTime: Date | null;
  readonly triggerType: string;
  readonly triggerActor: string;
  readonly trust: Trust;
  readonly onLost: OnLost;
  readonly queue: string;
  readonly needsSlot: boolean;
  readonly priority: number;
  readonly selector: Readonly<Record<string, string>>;
  readonly labels: readonly string[];
  readonly params: {
    readonly values: Readonly<Record<string, string>>;
    readonly json: string;
    /** Names whose value the caller gave. */
    readonly given?: readonly string[];
  };
  readonly env: Readonly<Record<string, string>>;
  readonly inputs: readonly (Blob & { readonly name: string })[];
  readonly deliveryId: string | null;
  /** Set: the run waits for a person's approval of this commit and is not queued (FK-02). */
  readonly approvalSha: string | null;
  readonly concurrency: Concurrency | null;
}

const OPEN_STATUSES: readonly RunStatus[] = ["not_started", "running", "queued", "waiting"];

const QUEUED = codeOf("queued");
const WAITING = codeOf("waiting");

export function codeOf(status: RunStatus): number {
  return RUN_STATUSES.indexOf(status);
}

export function statusOf(code: number): RunStatus {
  const status = RUN_STATUSES[code];
  if (status === undefined) throw new Error(`run status ${code} is not in the table of statuses`);
  return status;
}

const KEEP_DAYS = 30;
/** Older than any run. */
const FOR_EVER_DAYS = 20_000;
/** The largest number that a column of ours holds: of seconds, 68 years. */
const COUNT_MAX = 2_147_483_647;

/** R-41: by number when it says so, else by age, of which 0 means for ever. */
function historyRule(
  { retention: { days, runs } }: Workflow,
): { keepDays: number | null; keepRuns: number | null } {
  const isForEver = runs !== null || days === 0 || (days ?? 0) > FOR_EVER_DAYS;
  return {
    keepDays: isForEver ? null : days ?? KEEP_DAYS,
    keepRuns: runs === null ? null : Math.min(runs, COUNT_MAX),
  };
}

/** R-43: what a runner must have for each of its containers. */
function needsOf({ resources }: Workflow): { needsCpu: number; needsMemory: number } {
  return { needsCpu: resources.cpu ?? 0, needsMemory: resources.memoryBytes ?? 0 };
}

/**
 * Everything that a run is at birth, in the caller's transaction; it may be claimed from `availableAt` on. Answers false
 * when the run id is taken (WH-50).
 */
export async function insertRun(
  tx: Transaction,
  run: NewRun,
  now: Date,
  availableAt: Date = now,
): Promise<boolean> {
  await putBlob(tx, run.definition, now);
  for (const input of run.inputs) await putBlob(tx, input, now);
  const waits = run.approvalSha !== null;
  const inserted = await tx.insert(runs).values({
    id: run.id,
    name: run.name,
    dagRunId: run.dagRunId,
    fileName: run.fileName,
    digest: run.definition.digest,
    document: run.document,
    sourceDir: run.sourceDir,
    defaultDir: run.defaultDir,
    ...run.parent,
    scheduleTime: run.scheduleTime,
    status: waits ? WAITING : QUEUED,
    reason: waits ? "fork_approval_required" : "",
    triggerType: run.triggerType,
    triggerActor: run.triggerActor,
    trust: run.trust,
    onLost: run.onLost,
    queue: run.queue,
    needsSlot: run.needsSlot,
    priority: run.priority,
    labels: [...run.labels],
    params: run.params,
    env: run.env,
    selector: run.selector,
    deliveryId: run.deliveryId,
    approvalSha: run.approvalSha,
    concurrencyGroup: run.concurrency?.group ?? null,
    ...historyRule(run.workflow),
    ...needsOf(run.workflow),
    timeoutSec: Math.min(run.workflow.timeoutSec, COUNT_MAX),
    cleanUpSec: Math.min(run.workflow.maxCleanUpTimeSec, COUNT_MAX),
    createdAt: now,
    queuedAt: waits ? null : now,
  }).onConflictDoNothing({ target: [runs.name, runs.dagRunId] }).returning({ id: runs.id });
  if (inserted.length === 0) return false;
  if (run.inputs.length > 0) {
    await tx.insert(runInputs).values(run.inputs.map((input) => ({
      runId: run.id,
      name: input.name,
      digest: input.digest,
      sizeBytes: input.data.length,
    })));
  }
  await insertSteps(tx, run.id, newRunState(run.workflow));
  if (run.needsSlot) await openQueue(tx, run.queue, Math.max(1, run.workflow.maxActiveRuns ?? 1));
  if (!waits) await enqueueRun(tx, { ...run, ...needsOf(run.workflow) }, availableAt);
  return true;
}

export type RunRow = typeof runs.$inferSelect;

const LATEST = "latest";

/** By name and run id; `latest` is the newest of that name. */
export async function getRun(db: Executor, name: string, dagRunId: string): Promise<RunRow | null> {
  const where = dagRunId === LATEST
    ? eq(runs.name, name)
    : and(eq(runs.name, name), eq(runs.dagRunId, dagRunId));
  const [row] = await db.select().from(runs).where(where).orderBy(desc(runs.id)).limit(1);
  return row ?? null;
}

/** The newest run of each name, by name, in two queries whatever their number. */
export async function latestRuns(
  db: Executor,
  names: readonly string[],
): Promise<ReadonlyMap<string, RunRow>> {
  const newest = await query<{ id: string }>(
    db,
    sql`
    select r.id from jsonb_array_elements_text(${JSON.stringify(names)}::jsonb) n(name)
    cross join lateral (select id from runs where runs.name = n.name order by id desc limit 1) r`,
  );
  const ids = newest.map((row) => row.id);
  const rows = ids.length === 0 ? [] : await db.select().from(runs).where(inArray(runs.id, ids));
  return new Map(rows.map((row) => [row.name, row]));
}

export async function getRunById(db: Executor, id: string): Promise<RunRow | null> {
  const [row] = await db.select().from(runs).where(eq(runs.id, id));
  return row ?? null;
}

/** The child of a run, by the digest of its key or by its run id. */
export async function childOf(
  db: Executor,
  parentId: string,
  childKey: string | null,
  dagRunId?: string,
): Promise<RunRow | null> {
  const [row] = await db.select().from(runs).where(and(
    eq(runs.parentId, parentId),
    childKey === null ? undefined : eq(runs.childKey, childKey),
    dagRunId === undefined ? undefined : eq(runs.dagRunId, dagRunId),
  )).limit(1);
  return row ?? null;
}

/** Runs that steps of this one started, oldest first. */
export async function childrenOf(db: Executor, parentId: string): Promise<RunRow[]> {
  return await db.select().from(runs).where(eq(runs.parentId, parentId)).orderBy(asc(runs.id)).limit(10_000);
}

/** A run below this one, at any depth, by its run id. */
export async function descendantOf(db: Executor, id: string, dagRunId: string): Promise<RunRow | null> {
  const [found] = await query<{ id: string }>(
    db,
    sql`
    with recursive tree as (
      select id, dag_run_id from runs where parent_id = ${id}
      union select r.id, r.dag_run_id from runs r join tree on r.parent_id = tree.id)
    select id from tree where dag_run_id = ${dagRunId} limit 1`,
  );
  return found === undefined ? null : await getRunById(db, found.id);
}

/** How many runs stand above this one, itself included. */
export async function depthOf(db: Executor, id: string): Promise<number> {
  const [row] = await query<{ depth: number }>(
    db,
    sql`
    with recursive line as (
      select id, parent_id, 1 as depth from runs where id = ${id}
      union all select r.id, r.parent_id, line.depth + 1 from runs r join line on r.id = line.parent_id
        where line.depth < 100)
    select max(depth)::int as depth from line`,
  );
  return row?.depth ?? 0;
}

/** How many runs there are below an outermost one, and how many of them have not ended. */
export async function countBelow(
  db: Executor,
  rootId: string,
): Promise<{ readonly total: number; readonly open: number }> {
  const [row] = await query<{ total: number; open: number }>(
    db,
    sql`
    select count(*)::int as total, count(*) filter (where status in (${
      sql.join(OPEN_STATUSES.map((status) => sql`${codeOf(status)}`), sql`, `)
    }))::int as open from runs where root_id = ${rootId}`,
  );
  return row ?? { total: 0, open: 0 };
}

/** Runs that have not ended and that steps of this one wait for, or steps of those; whoever waits before what it waits for. */
export async function awaitedBy(db: Executor, id: string): Promise<string[]> {
  const rows = await query<{ id: string }>(
    db,
    sql`
    with recursive tree as (
      select id, status, 0 as depth from runs where id = ${id}
      union all select r.id, r.status, tree.depth + 1 from runs r join tree on r.parent_id = tree.id
        where not r.needs_slot and tree.depth < 100)
    select id from tree where depth > 0 and status in (${codeOf("not_started")}, ${codeOf("running")},
      ${codeOf("queued")}, ${codeOf("waiting")}) order by depth, id`,
  );
  return rows.map((row) => row.id);
}

/** Runs that wait, and steps of which wait for sub-runs. */
export async function awaitingChildren(db: Executor): Promise<string[]> {
  const rows = await query<{ id: string }>(
    db,
    sql`
    select r.id from runs r where r.is_waiting and exists (
      select 1 from run_steps s where s.run_id = r.id and s.state #>> '{waiting,kind}' = 'sub_run')
    order by r.id limit 1000`,
  );
  return rows.map((row) => row.id);
}

export async function listRunInputs(
  db: Executor,
  runId: string,
): Promise<{ name: string; digest: string }[]> {
  return await db.select({ name: runInputs.name, digest: runInputs.digest }).from(runInputs)
    .where(eq(runInputs.runId, runId));
}

/** The row, held until the transaction ends. Lock order: run, attempt, slots, queue. */
export async function lockRun(tx: Transaction, id: string): Promise<RunRow | null> {
  const [row] = await tx.select().from(runs).where(eq(runs.id, id)).for("no key update");
  return row ?? null;
}

export type RunChange = Partial<Omit<typeof runs.$inferInsert, "id" | "name" | "dagRunId">>;

export async function updateRun(tx: Executor, id: string, change: RunChange): Promise<void> {
  await tx.update(runs).set({ ...change, version: sql`${runs.version} + 1` }).where(eq(runs.id, id));
}

/** For people, beside what the runner noted. */
export async function addNote(tx: Executor, id: string, note: string): Promise<void> {
  await tx.update(runs).set({ notes: sql`${runs.notes} || ${JSON.stringify([note])}::jsonb` }).where(
    eq(runs.id, id),
  );
}

export async function finishRun(
  tx: Transaction,
  id: string,
  end: {
    readonly status: RunStatus;
    readonly reason: string;
    readonly failure: Failure | null;
    readonly finishedAt: Date;
  },
): Promise<void> {
  await updateRun(tx, id, { ...end, status: codeOf(end.status) });
}

/**
 * Runs of these statuses, found among the few that have not ended when all are such (INV-11): no index is on the status. `undefined`:
 * any.
 */
export function hasStatus(statuses: readonly RunStatus[]): SQL | undefined {
  if (statuses.length === 0) return undefined;
  const has = inArray(runs.status, statuses.map(codeOf));
  if (!statuses.every((status) => OPEN_STATUSES.includes(status))) return has;
  const open = sql`(select run_id from run_queue
    union all select run_id from attempts where ended_at is null
    union all select id from runs where is_waiting)`;
  return and(has, inArray(runs.id, open));
}

/** Runs of the workflow that somebody executes, or that wait to be claimed; newest first. */
export async function activeRuns(db: Executor, name: string): Promise<RunRow[]> {
  return await db.select().from(runs)
    .where(and(eq(runs.name, name), hasStatus(["not_started", "running", "queued"])))
    .orderBy(desc(runs.id)).limit(100);
}

/** Whoever starts a run of the workflow that must be the only one holds its name until the transaction ends. */
export async function lockName(tx: Transaction, name: string): Promise<void> {
  await lockText(tx, `only ${name}`);
}

export interface RunFilter {
  readonly name?: string;
  readonly nameContains?: string;
  readonly dagRunIdContains?: string;
  readonly statuses?: readonly RunStatus[];
  readonly from?: Date;
  readonly to?: Date;
  /** All of them. */
  readonly labels?: readonly string[];
  /** Without the runs that steps of other runs started. */
  readonly isRoot?: boolean;
  /** Rows older than this id (exclusive): the keyset cursor. */
  readonly before?: string;
  readonly limit: number;
}

/** Newest first. */
export async function listRuns(db: Executor, filter: RunFilter): Promise<RunRow[]> {
  return await db.select().from(runs).where(and(
    filter.name === undefined ? undefined : eq(runs.name, filter.name),
    filter.nameContains === undefined ? undefined : sql`strpos(${runs.name}, ${filter.nameContains}) > 0`,
    filter.dagRunIdContains === undefined
      ? undefined
      : sql`strpos(${runs.dagRunId}, ${filter.dagRunIdContains}) > 0`,
    hasStatus(filter.statuses ?? []),
    filter.from === undefined ? undefined : gte(runs.createdAt, filter.from),
    filter.to === undefined ? undefined : lte(runs.createdAt, filter.to),
    filter.labels === undefined || filter.labels.length === 0
      ? undefined
      : arrayContains(runs.labels, [...filter.labels]),
    filter.isRoot === true ? isNull(runs.parentId) : undefined,
    filter.before === undefined ? undefined : lt(runs.id, filter.before),
  )).orderBy(desc(runs.id)).limit(filter.limit);
}

/** What was stored of a failure, typed again. */
export function failureOf(row: Pick<RunRow, "failure">): Failure | null {
  return v.is(Failure, row.failure) ? row.failure : null;
}
