/** Deleting runs that are over, with everything that belongs to them and to the runs that their steps started. */
import { and, asc, desc, eq, inArray, isNull, sql } from "drizzle-orm";
import { RUN_STATUSES } from "../../run/event.ts";
import { isFinal } from "../../run/status.ts";
import type { Executor, Transaction } from "./db.ts";
import { keepStatuses } from "./commit-statuses.ts";
import { PREPARED, query, takeTime } from "./query.ts";
import { discardObjects } from "./objects.ts";
import { codeOf } from "./runs.ts";
import {
  artifactParts,
  artifacts,
  attemptLeases,
  attempts,
  directives,
  logChunks,
  logStreams,
  runEvents,
  runInputs,
  runs,
  runSteps,
  secretHandouts,
  stateAnswers,
} from "./schema.ts";

const OVER = RUN_STATUSES.filter(isFinal).map(codeOf);
const OVER_CODES = sql.raw(OVER.join(", "));

export interface RemovalFilter {
  readonly name: string;
  /** Ended earlier than this; null: whenever. */
  readonly before: Date | null;
  /** The run after which to go on, in the order of their ids. */
  readonly after: string | null;
  /** Only runs that were made earlier than this one. */
  readonly until?: string;
  readonly limit: number;
}

/** Before and after any id. */
const [FIRST_ID, LAST_ID] = ["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"];

/** Runs of this name that are over and were started by nobody's step, oldest first. Asked whenever a run ends. */
export async function listRemovable(
  db: Executor,
  { name, before, after, until, limit }: RemovalFilter,
): Promise<{ readonly id: string; readonly dagRunId: string }[]> {
  return await query(
    db,
    sql`
    select id, dag_run_id as "dagRunId" from runs
    where name = ${name} and id > ${after ?? FIRST_ID}::uuid and id < ${until ?? LAST_ID}::uuid
      and parent_id is null and status in (${OVER_CODES})
      and coalesce(finished_at, created_at) < coalesce(${
      before?.toISOString() ?? null
    }::timestamptz, 'infinity')
    order by id limit ${limit}::int ${PREPARED}`,
  );
}

/** The oldest of the newest `count` runs that nobody's step started; null: there are not as many. */
export async function oldestKept(db: Executor, name: string, count: number): Promise<string | null> {
  const [row] = await db.select({ id: runs.id }).from(runs)
    .where(and(eq(runs.name, name), isNull(runs.parentId))).orderBy(desc(runs.id)).offset(count - 1).limit(1);
  return row?.id ?? null;
}

/** Answers false, and deletes nothing, while the run or one that it started is active. */
export async function deleteRun(tx: Transaction, id: string): Promise<boolean> {
  await takeTime(tx);
  const ids = await lockTree(tx, id);
  if (ids === null) return false;
  const own = tx.select({ id: logStreams.id }).from(logStreams).where(inArray(logStreams.runId, ids));
  await tx.delete(logChunks).where(inArray(logChunks.streamId, own));
  const kept = tx.select({ id: artifacts.id }).from(artifacts).where(inArray(artifacts.runId, ids));
  await discardObjects(tx, sql`${kept}`);
  await tx.delete(artifactParts).where(inArray(artifactParts.artifactId, kept));
  const tried = tx.select({ id: attempts.id }).from(attempts).where(inArray(attempts.runId, ids));
  await tx.delete(attemptLeases).where(inArray(attemptLeases.attemptId, tried));
  await tx.delete(directives).where(inArray(directives.attemptId, tried));
  await tx.delete(stateAnswers).where(inArray(stateAnswers.attemptId, tried));
  for (const table of [artifacts, logStreams, runEvents, runSteps, runInputs, secretHandouts, attempts]) {
    await tx.delete(table).where(inArray(table.runId, ids));
  }
  await keepStatuses(tx, ids);
  await tx.delete(runs).where(inArray(runs.id, ids));
  return true;
}

/** The run and its descendants, held; null: one of them is active. */
async function lockTree(tx: Transaction, id: string): Promise<string[] | null> {
  const tree = await query<{ id: string }>(
    tx,
    sql`
    with recursive tree as (
      select id from runs where id = ${id}
      union select r.id from runs r join tree on r.parent_id = tree.id)
    select id from tree order by id`,
  );
  const ids = tree.map((row) => row.id);
  if (ids.length === 0) return null;
  const held = await tx.select({ status: runs.status }).from(runs).where(inArray(runs.id, ids))
    .orderBy(asc(runs.id)).for("update");
  return held.every((run) => OVER.includes(run.status)) ? ids : null;
}
