/** Definitions by file name; their texts are blobs, their history is the list of digests. */
import { asc, eq } from "drizzle-orm";
import type { Problem } from "../../workflow/problem.ts";
import type { Blob } from "./blob.ts";
import { getText, putBlob } from "./blobs.ts";
import type { Db, Executor } from "./db.ts";
import { beginAnew, removeSchedule, saveSchedule } from "./schedules.ts";
import { workflowRevisions, workflows } from "./schema.ts";

export type WorkflowRow = typeof workflows.$inferSelect;

export interface Revision {
  readonly fileName: string;
  readonly name: string;
  readonly blob: Blob;
  readonly problems: readonly Problem[];
  readonly labels: readonly string[];
  readonly group: string;
  readonly hasTriggers: boolean;
  /** Names the schedule by what it means; null: there is none. */
  readonly scheduleKey: string | null;
  readonly author: string;
}

/**
 * Makes the text the current one. Answers whether it is another one than before; the same text may still be read
 * differently than by an earlier version of ours.
 */
export async function saveRevision(db: Db, revision: Revision, newId: string, now: Date): Promise<boolean> {
  return await db.transaction(async (tx) => {
    await putBlob(tx, revision.blob, now);
    const [before] = await tx.select().from(workflows).where(eq(workflows.fileName, revision.fileName)).for(
      "update",
    );
    const isSame = before?.digest === revision.blob.digest && before.name === revision.name;
    const current = {
      name: revision.name,
      digest: revision.blob.digest,
      problems: revision.problems,
      labels: [...revision.labels],
      group: revision.group,
      hasTriggers: revision.hasTriggers,
      updatedAt: isSame ? before.updatedAt : now,
    };
    const id = before?.id ?? newId;
    const [row] = await tx.insert(workflows).values({ id, fileName: revision.fileName, ...current })
      .onConflictDoUpdate({ target: workflows.fileName, set: current }).returning({ id: workflows.id });
    await saveSchedule(tx, row?.id ?? id, revision.scheduleKey, now);
    await tx.insert(workflowRevisions).values({
      workflowId: row?.id ?? id,
      digest: revision.blob.digest,
      createdAt: now,
      author: revision.author,
    }).onConflictDoNothing();
    return !isSame;
  });
}

export async function getWorkflow(db: Executor, fileName: string): Promise<WorkflowRow | null> {
  const [row] = await db.select().from(workflows).where(eq(workflows.fileName, fileName));
  return row ?? null;
}

export async function currentDefinition(
  db: Executor,
  fileName: string,
): Promise<{ readonly name: string; readonly text: string; readonly row: WorkflowRow } | null> {
  const row = await getWorkflow(db, fileName);
  if (row === null) return null;
  const text = await getText(db, row.digest);
  return text === null ? null : { name: row.name, text, row };
}

export async function listWorkflows(db: Executor): Promise<WorkflowRow[]> {
  return await db.select().from(workflows).orderBy(asc(workflows.fileName));
}

/** Those that a forge event or an endpoint's delivery could start. */
export async function listTriggered(db: Executor): Promise<WorkflowRow[]> {
  return await db.select().from(workflows).where(eq(workflows.hasTriggers, true)).orderBy(
    asc(workflows.fileName),
  );
}

/** History stays (AP-24). Answers whether there was one. */
export async function deleteWorkflow(db: Db, fileName: string): Promise<boolean> {
  return await db.transaction(async (tx) => {
    const gone = await tx.delete(workflows).where(eq(workflows.fileName, fileName))
      .returning({ id: workflows.id });
    await removeSchedule(tx, gone.map(({ id }) => id));
    return gone.length > 0;
  });
}

/** Answers whether there is such a workflow. One that goes on drops what came due meanwhile. */
export async function suspendWorkflow(
  db: Db,
  fileName: string,
  suspended: boolean,
  now: Date,
): Promise<boolean> {
  return await db.transaction(async (tx) => {
    const [row] = await tx.select().from(workflows).where(eq(workflows.fileName, fileName)).for("update");
    if (row === undefined) return false;
    await tx.update(workflows).set({ suspended }).where(eq(workflows.id, row.id));
    if (row.suspended && !suspended) await beginAnew(tx, row.id, now);
    return true;
  });
}
