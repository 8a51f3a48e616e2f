/** Runs that steps of another run started, all of them at one look. */
import { sql } from "drizzle-orm";
import type { Executor } from "./db.ts";
import { query } from "./query.ts";

export type Child = {
  /** As it is stored: the digest of what the step called it. */
  readonly key: string;
  readonly name: string;
  readonly dagRunId: string;
  readonly status: number;
};

/** In the order in which they were started. `version` grows whenever one of them changes or is added. */
export async function listChildren(
  db: Executor,
  parentId: string,
): Promise<{ readonly children: readonly Child[]; readonly version: number }> {
  const rows = await query<Child & { version: number }>(
    db,
    sql`
    select child_key as key, name, dag_run_id as "dagRunId", status, version from runs
    where parent_id = ${parentId}::uuid and child_key is not null order by id`,
  );
  const children = rows.map(({ version: _version, ...child }) => child);
  return { children, version: rows.reduce((sum, row) => sum + row.version + 1, 0) };
}
