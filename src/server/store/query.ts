/** Statements in SQL where that is clearer than the builder: one shape of answer on both drivers. */
import { type SQL, sql } from "drizzle-orm";
import type { Executor } from "./db.ts";
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

/** Whether the database answers at all. */
export async function canAnswer(db: Executor): Promise<boolean> {
  try {
    await query(db, sql`select 1 as one`);
    return true;
  } catch {
    return false;
  }
}
