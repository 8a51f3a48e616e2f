/** `sqlite.query`, `sqlite.import` (workflow-language contract 6.5). */
import type { Outcome } from "../../run/ports.ts";
import type { SqlImport } from "../../workflow/actions/sql.ts";
import type { With } from "../../workflow/actions/names.ts";
import { startLimit } from "./limit.ts";
import { type Answer, type ImportTarget, type RowBatch, runImport, tellRows } from "./sql.ts";
import { checkParams, quoteName } from "./sql-text.ts";
import { openSqlite, sqliteParams, type SqliteSession, sqliteValue } from "./sqlite-session.ts";
import type { Work } from "./work.ts";

export async function sqliteQuery(given: With<"sqlite.query">, work: Work): Promise<Outcome> {
  checkParams(given.query, given.params);
  using limit = startLimit(given.timeout, work);
  await using session = await openSqlite(given.dsn, given.timeout, limit, work);
  // Every transaction of SQLite is serializable, which is all that any level asks for.
  const isTransaction = given.transaction || given.isolation_level !== "default";
  if (isTransaction) await say(session, "begin");
  const outcome = await tellRows(ask(session, given), given, work);
  if (isTransaction) await say(session, "commit");
  return outcome;
}

async function say(session: SqliteSession, text: string): Promise<number> {
  return (await session.ask({ op: "script", text, params: null })).changes;
}

function ask(session: SqliteSession, given: With<"sqlite.query">): Answer {
  const count = { rows: 0 };
  const batches = async function* (): AsyncIterable<RowBatch> {
    let piece = await session.ask({ op: "script", text: given.query, params: sqliteParams(given.params) });
    count.rows = piece.changes;
    yield piece;
    while (!piece.isDone) {
      piece = await session.ask({ op: "fetch" });
      count.rows = piece.changes;
      yield piece;
    }
  };
  return { batches: batches(), affected: () => count.rows };
}

export async function sqliteImport(given: With<"sqlite.import">, work: Work): Promise<Outcome> {
  using limit = startLimit(given.timeout, work);
  await using session = await openSqlite(given.dsn, given.timeout, limit, work);
  await say(session, "begin immediate");
  return await runImport(given.import, newTarget(session, given.import), work);
}

function newTarget(session: SqliteSession, given: SqlImport): ImportTarget {
  let changes = 0;
  return {
    put: async (columns, rows) => {
      const before = changes;
      const text = insertText(given, columns, rows[0]?.length ?? 0);
      const piece = await session.ask({ op: "put", text, rows: rows.map((row) => row.map(sqliteValue)) });
      changes = piece.changes;
      return changes - before;
    },
    finish: async (isKept) => {
      await say(session, isKept ? "commit" : "rollback");
    },
  };
}

/** Only a key that is there already is passed over: what is missing in a row stays a mistake. */
function insertText(given: SqlImport, columns: readonly string[] | null, width: number): string {
  const verb = given.on_conflict === "replace" ? "insert or replace" : "insert";
  const names = columns === null
    ? ""
    : ` (${columns.map((name) => `"${name.replaceAll('"', '""')}"`).join(", ")})`;
  const places = Array.from({ length: width }, () => "?").join(", ");
  const end = given.on_conflict === "ignore" ? " on conflict do nothing" : "";
  return `${verb} into ${quoteName(given.table)}${names} values (${places})${end}`;
}
