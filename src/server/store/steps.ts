/** The steps of a run as the fold of its latest attempt's events left them. */
import { and, asc, eq, inArray, type SQL, sql } from "drizzle-orm";
import { STEP_STATUSES } from "../../run/event.ts";
import {
  endIfOpen,
  newStepState,
  OPEN_STEP_STATUSES,
  type RunState,
  type StepState,
} from "../../run/state.ts";
import type { Executor, Transaction } from "./db.ts";
import { query } from "./query.ts";
import { runSteps } from "./schema.ts";

export interface StepRow extends StepState {
  readonly isHandler: boolean;
}

export async function insertSteps(tx: Transaction, runId: string, state: RunState): Promise<void> {
  const rows = [
    ...state.steps.map((step) => ({ step, isHandler: false })),
    ...state.handlers.map((step) => ({ step, isHandler: true })),
  ]
    .map(({ step, isHandler }, ord) => ({ runId, step: step.name, ord, isHandler, ...stepColumns(step) }));
  // One statement holds at most 65,535 values.
  for (let at = 0; at < rows.length; at += 5_000) {
    await tx.insert(runSteps).values(rows.slice(at, at + 5_000));
  }
}

/** Declared order, handlers last. */
export async function listSteps(db: Executor, runId: string): Promise<StepRow[]> {
  const rows = await db.select().from(runSteps).where(eq(runSteps.runId, runId)).orderBy(asc(runSteps.ord));
  return rows.map(toStep);
}

const OPEN = OPEN_STEP_STATUSES.map((status) => STEP_STATUSES.indexOf(status));
/** The same as a list within a statement. */
export const OPEN_STEPS: SQL = sql.raw(OPEN.join(", "));

export async function updateSteps(
  tx: Transaction,
  runId: string,
  steps: readonly StepState[],
): Promise<void> {
  if (steps.length === 0) return;
  const changes = JSON.stringify(steps.map((step) => ({ step: step.name, ...stepColumns(step) })));
  await query(
    tx,
    sql`
    update run_steps s set status = c.status, state = c.state
    from jsonb_to_recordset(${changes}::jsonb) as c(step text, status smallint, state jsonb)
    where s.run_id = ${runId} and s.step = c.step`,
  );
}

/** New attempts start from nothing. */
export async function resetSteps(tx: Transaction, runIds: readonly string[]): Promise<void> {
  if (runIds.length === 0) return;
  await query(
    tx,
    sql`
    update run_steps set status = 0, state = ${JSON.stringify(stepColumns(newStepState("")).state)}::jsonb
    where run_id in (select value::uuid from jsonb_array_elements_text(${JSON.stringify(runIds)}::jsonb))`,
  );
}

/** Steps that were under way when the attempt was ended from outside. */
export async function endOpenSteps(
  tx: Transaction,
  runId: string,
  end: "failed" | "aborted",
  at: number,
): Promise<void> {
  const rows = await tx.select().from(runSteps)
    .where(and(eq(runSteps.runId, runId), inArray(runSteps.status, OPEN))).orderBy(asc(runSteps.ord));
  await updateSteps(tx, runId, rows.map((row) => endIfOpen(toStep(row), end, at)));
}

type Columns = { status: number; state: Omit<StepState, "name" | "status"> };

export function stepColumns({ name: _name, status, ...state }: StepState & { isHandler?: boolean }): Columns {
  const { isHandler: _isHandler, ...rest } = state;
  return { status: STEP_STATUSES.indexOf(status), state: rest };
}

export function toStep(
  row: Pick<typeof runSteps.$inferSelect, "step" | "isHandler" | "status" | "state">,
): StepRow {
  const status = STEP_STATUSES[row.status];
  if (status === undefined) throw new Error(`step status ${row.status} is not in the table of statuses`);
  // Only `stepColumns` writes this column.
  return { ...newStepState(row.step), ...(row.state as Columns["state"]), status, isHandler: row.isHandler };
}
