/** `postgres.query`, `postgres.import` (workflow-language contract 6.5). */
import type { Outcome } from "../../run/ports.ts";
import type { SqlImport, SqlQuery } from "../../workflow/actions/sql.ts";
import type { With } from "../../workflow/actions/names.ts";
import { ActionError } from "./deed.ts";
import { startLimit } from "./limit.ts";
import { cellText, openPostgres, paramText, type PostgresSession } from "./postgres-session.ts";
import { type Answer, type ImportTarget, type RowBatch, runImport, tellRows } from "./sql.ts";
import { countStatements, numberParams, quoteName } from "./sql-text.ts";
import type { Work } from "./work.ts";

/** Of one statement on the wire. */
const PLACES_MAX = 65_000;

export async function postgresQuery(given: With<"postgres.query">, work: Work): Promise<Outcome> {
  using limit = startLimit(given.timeout, work);
  await using session = await openPostgres(given.dsn, limit, work);
  const begin = beginOf(given);
  if (begin === null) return await tellRows(ask(session, given), given, work);
  await session.script(begin);
  const outcome = await tellRows(ask(session, given), given, work);
  await session.script("commit");
  return outcome;
}

function beginOf({ transaction, isolation_level: level }: SqlQuery): string | null {
  if (level !== "default") return `begin isolation level ${level.replaceAll("_", " ")}`;
  return transaction ? "begin" : null;
}

/** One statement flows through a cursor. Several go as one message, which answers with all rows at once. */
function ask(session: PostgresSession, given: SqlQuery): Answer {
  const { text, values } = numberParams(given.query, given.params);
  const count = { rows: 0 };
  const batches = countStatements(given.query) > 1 && values.length === 0
    ? askAll(session, text, count)
    : askOne(session, text, values.map(paramText), count);
  return { batches, affected: () => count.rows };
}

/** The rows are those of the last statement. */
async function* askAll(
  session: PostgresSession,
  text: string,
  count: { rows: number },
): AsyncIterable<RowBatch> {
  const results = await session.script(text);
  count.rows = results.reduce((sum, { affected }) => sum + affected, 0);
  const last = results.at(-1);
  if (last !== undefined) yield last;
}

async function* askOne(
  session: PostgresSession,
  text: string,
  values: readonly (string | null)[],
  count: { rows: number },
): AsyncIterable<RowBatch> {
  const channel = new TransformStream<RowBatch, RowBatch>();
  const writer = channel.writable.getWriter();
  const take = (piece: RowBatch): Promise<boolean> => writer.write(piece).then(() => true, () => false);
  const flowing = session.flow(text, values, take).then(({ affected }) => {
    count.rows = affected;
    return writer.close();
  }).catch((error: unknown) => writer.abort(error)).catch(() => {});
  try {
    yield* channel.readable;
  } finally {
    await flowing;
  }
}

// ---- import
// -----------------------------------------------------------------------------------------------------

export async function postgresImport(given: With<"postgres.import">, work: Work): Promise<Outcome> {
  using limit = startLimit(given.timeout, work);
  await using session = await openPostgres(given.dsn, limit, work);
  await session.script("begin");
  const keys = given.import.on_conflict === "replace" ? await primaryKey(session, given.import) : [];
  return await runImport(given.import, newTarget(session, given.import, keys), work);
}

async function primaryKey(session: PostgresSession, { table }: SqlImport): Promise<string[]> {
  const { rows } = await session.one(
    `select a.attname from pg_index i
       join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
      where i.indrelid = $1::regclass and i.indisprimary`,
    [quoteName(table)],
  );
  if (rows.length > 0) return rows.map(([name]) => String(name));
  throw new ActionError(
    `table ${table} has no primary key to replace by`,
    "use on_conflict: ignore or error",
  );
}

function newTarget(session: PostgresSession, given: SqlImport, keys: readonly string[]): ImportTarget {
  return {
    put: async (columns, rows) => {
      const ready = keys.length === 0 ? rows : lastOfEach(rows, keysAt(columns, keys));
      const width = rows[0]?.length ?? 0;
      const size = Math.max(1, Math.floor(PLACES_MAX / Math.max(1, width)));
      let count = rows.length - ready.length;
      for (let at = 0; at < ready.length; at += size) {
        count += await putRows(session, given, columns, ready.slice(at, at + size), keys);
      }
      return count;
    },
    finish: async (isKept) => {
      await session.script(isKept ? "commit" : "rollback");
    },
  };
}

async function putRows(
  session: PostgresSession,
  given: SqlImport,
  columns: readonly string[] | null,
  rows: readonly (readonly unknown[])[],
  keys: readonly string[],
): Promise<number> {
  let place = 0;
  const tuples = rows.map((row) => `(${row.map(() => `$${++place}`).join(", ")})`);
  const names = columns === null ? "" : ` (${columns.map(quoteColumn).join(", ")})`;
  const text = `insert into ${quoteName(given.table)}${names} values ${tuples.join(", ")}${
    conflictText(given, columns, keys)
  }`;
  const { affected } = await session.one(text, rows.flatMap((row) => row.map(cellText)));
  return affected;
}

function conflictText(given: SqlImport, columns: readonly string[] | null, keys: readonly string[]): string {
  if (given.on_conflict === "error") return "";
  const others = (columns ?? []).filter((name) => !keys.includes(name)).map(quoteColumn);
  if (given.on_conflict === "ignore" || others.length === 0) return " on conflict do nothing";
  const set = others.map((name) => `${name} = excluded.${name}`).join(", ");
  return ` on conflict (${keys.map(quoteColumn).join(", ")}) do update set ${set}`;
}

function keysAt(columns: readonly string[] | null, keys: readonly string[]): number[] {
  const places = keys.map((key) => columns?.indexOf(key) ?? -1);
  const missing = keys.find((_, index) => places[index] === -1);
  if (missing === undefined) return places;
  throw new ActionError(
    `the primary key ${missing} is none of the columns`,
    "on_conflict: replace needs it: name the columns",
  );
}

/** One statement may not touch a row twice. */
function lastOfEach(
  rows: readonly (readonly unknown[])[],
  keys: readonly number[],
): (readonly unknown[])[] {
  return [...new Map(rows.map((row) => [JSON.stringify(keys.map((at) => row[at])), row])).values()];
}

function quoteColumn(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
