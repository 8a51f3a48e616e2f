/** Statements in SQL where that is clearer than the builder: one shape of answer on both drivers. */
import { type SQL, sql } from "drizzle-orm";
import type { Executor, Transaction } from "./db.ts";
import { PREPARED_MARK } from "./pool.ts";

/**
 * Rows as the driver gives them. The caller names what its own SELECT list or RETURNING makes: the statement and the type
 * stand side by side.
 */
export async function query<Row extends Record<string, unknown>>(
  db: Executor,
  statement: SQL,
): Promise<Row[]> {
  const result: unknown = await db.execute(statement);
  if (Array.isArray(result)) return [...result];
  if (typeof result === "object" && result !== null && "rows" in result && Array.isArray(result.rows)) {
    return result.rows;
  }
  throw new Error("the database driver answered with neither rows nor a result that has them");
}

/**
 * Ends a statement whose text is one of a few: it is parsed and planned once for each connection (`pool.ts`), and sent in one
 * go. Without it the driver asks for the types of the parameters first, and waits.
 */
export const PREPARED: SQL = sql.raw(PREPARED_MARK);

/**
 * Until the transaction ends, statements go by the indexes. They name their rows one by one, and the planner, which knows
 * neither their number nor that of a table that was just filled, would rather read the whole of it. No value could tell it
 * more, so what is prepared is not planned anew for one: that takes longer than the statement. Nor is anything compiled, which
 * the guesses of such a plan would ask for.
 */
export async function goByIndex(tx: Transaction): Promise<void> {
  // With a parameter: the driver prepares no statement that has none.
  await query(
    tx,
    sql`
    select set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),
      set_config('enable_mergejoin', 'off', true), set_config('jit', ${"off"}, true),
      set_config('plan_cache_mode', 'force_generic_plan', true) ${PREPARED}`,
  );
}

/** Until the transaction ends, a statement may run for as long as those of jobs may (PG-06). */
export async function takeTime(tx: Transaction): Promise<void> {
  await query(tx, sql`select set_config('statement_timeout', '30s', true)`);
}

/**
 * Rows of a statement that reads, and that is worth being prepared, as one JSON text: a driver takes every value of every row
 * by itself, which for a claim of many runs costs more than all else that is done with them. Of what JSON has: no bytes, no
 * numbers beyond 2^53.
 */
export async function queryTogether<Row>(db: Executor, statement: SQL): Promise<readonly Row[]> {
  return together(await query<Together<Row>>(db, sql`${TOGETHER} from (${statement}) q ${PREPARED}`));
}

/** Before `from` and what is called `q`, in a statement of another form. */
export const TOGETHER: SQL = sql`select coalesce(json_agg(q), '[]'::json) as rows`;

export interface Together<Row> extends Record<string, unknown> {
  readonly rows: readonly Row[];
}

export function together<Row>([row]: readonly Together<Row>[]): readonly Row[] {
  return row?.rows ?? [];
}

/** Until the transaction ends, whoever else locks the same text waits. */
export async function lockText(tx: Transaction, text: string): Promise<void> {
  await query(tx, sql`select pg_advisory_xact_lock(hashtextextended(${text}, 0))::text as held ${PREPARED}`);
}

/** Whether the database answers at all. */
export async function canAnswer(db: Executor): Promise<boolean> {
  try {
    await query(db, sql`select 1 as one`);
    return true;
  } catch {
    return false;
  }
}
