/** Schedules of definitions, and what became of their slots. */
import { and, asc, desc, eq, inArray, isNotNull, like, lt, lte, not } from "drizzle-orm";
import type { Executor, Transaction } from "./db.ts";
import { schedules, scheduleSlots, workflows } from "./schema.ts";
import type { WorkflowRow } from "./workflows.ts";

export type ScheduleRow = typeof schedules.$inferSelect;
export type SlotRow = typeof scheduleSlots.$inferSelect;

/** A schedule that is new, or another one than before, begins now; null: the definition has none any more. */
export async function saveSchedule(
  tx: Transaction,
  workflowId: string,
  key: string | null,
  now: Date,
): Promise<void> {
  if (key === null) {
    await tx.delete(schedules).where(eq(schedules.workflowId, workflowId));
    return;
  }
  const [known] = await tx.select({ key: schedules.key }).from(schedules)
    .where(eq(schedules.workflowId, workflowId));
  if (known?.key === key) return;
  const fresh = { key, since: now, tickedUntil: now, replayedUntil: now, dueAt: now, nextStartAt: null };
  await tx.insert(schedules).values({ workflowId, ...fresh })
    .onConflictDoUpdate({ target: schedules.workflowId, set: fresh });
}

/** What came due meanwhile is dropped (CU-06). */
export async function beginAnew(tx: Executor, workflowId: string, now: Date): Promise<void> {
  await tx.update(schedules).set({ since: now, tickedUntil: now, replayedUntil: now, dueAt: now })
    .where(eq(schedules.workflowId, workflowId));
}

export async function removeSchedule(tx: Executor, workflowIds: readonly string[]): Promise<void> {
  if (workflowIds.length === 0) return;
  await tx.delete(schedules).where(inArray(schedules.workflowId, [...workflowIds]));
  await tx.delete(scheduleSlots).where(inArray(scheduleSlots.workflowId, [...workflowIds]));
}

export interface DueSchedule {
  readonly schedule: ScheduleRow;
  readonly workflow: WorkflowRow;
}

/** Of definitions that are not suspended, longest due first. */
export async function dueSchedules(db: Executor, now: Date, limit: number): Promise<DueSchedule[]> {
  return await db.select({ schedule: schedules, workflow: workflows }).from(schedules)
    .innerJoin(workflows, eq(workflows.id, schedules.workflowId))
    .where(and(isNotNull(schedules.dueAt), lte(schedules.dueAt, now), eq(workflows.suspended, false)))
    .orderBy(asc(schedules.dueAt)).limit(limit);
}

/**
 * The row, held until the transaction ends; null: somebody else has looked at it since, or its workflow is suspended. Who
 * suspends a workflow holds it, and then finds what was queued before.
 */
export async function lockSchedule(tx: Transaction, seen: ScheduleRow): Promise<ScheduleRow | null> {
  const [workflow] = await tx.select({ isSuspended: workflows.suspended }).from(workflows)
    .where(eq(workflows.id, seen.workflowId)).for("share");
  if (workflow === undefined || workflow.isSuspended) return null;
  const [row] = await tx.select().from(schedules).where(eq(schedules.workflowId, seen.workflowId))
    .for("update");
  const isSame = row !== undefined && row.key === seen.key &&
    row.since.getTime() === seen.since.getTime() &&
    row.tickedUntil.getTime() === seen.tickedUntil.getTime() &&
    row.replayedUntil.getTime() === seen.replayedUntil.getTime();
  return isSame ? row : null;
}

export async function updateSchedule(
  tx: Executor,
  workflowId: string,
  change: Partial<Pick<ScheduleRow, "tickedUntil" | "replayedUntil" | "dueAt" | "nextStartAt">>,
): Promise<void> {
  await tx.update(schedules).set(change).where(eq(schedules.workflowId, workflowId));
}

export async function nextStarts(
  db: Executor,
  workflowIds: readonly string[],
): Promise<ReadonlyMap<string, Date>> {
  if (workflowIds.length === 0) return new Map();
  const rows = await db.select({ id: schedules.workflowId, at: schedules.nextStartAt }).from(schedules)
    .where(inArray(schedules.workflowId, [...workflowIds]));
  return new Map(rows.flatMap(({ id, at }) => at === null ? [] : [[id, at]]));
}

// ---- slots ------------------------------------------------------------------------------------------------------

export async function insertSlots(tx: Transaction, slots: readonly SlotRow[]): Promise<void> {
  if (slots.length > 0) await tx.insert(scheduleSlots).values([...slots]).onConflictDoNothing();
}

/** Fingerprints of one-off entries that are done with. */
export async function doneOneOffs(db: Executor, workflowId: string): Promise<ReadonlySet<string>> {
  const rows = await db.select({ fingerprint: scheduleSlots.fingerprint }).from(scheduleSlots)
    .where(and(eq(scheduleSlots.workflowId, workflowId), like(scheduleSlots.fingerprint, "at:%")));
  return new Set(rows.map((row) => row.fingerprint));
}

/** Starts that were due and not made, newest first (CU-08). */
export async function listSkipped(db: Executor, workflowId: string, limit: number): Promise<SlotRow[]> {
  return await db.select().from(scheduleSlots)
    .where(and(eq(scheduleSlots.workflowId, workflowId), not(eq(scheduleSlots.skipped, ""))))
    .orderBy(desc(scheduleSlots.slot)).limit(limit);
}

export async function pruneSlots(tx: Transaction, workflowId: string, before: Date): Promise<void> {
  await tx.delete(scheduleSlots).where(and(
    eq(scheduleSlots.workflowId, workflowId),
    lt(scheduleSlots.slot, before),
    not(like(scheduleSlots.fingerprint, "at:%")),
  ));
}
