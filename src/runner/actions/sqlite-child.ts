/**
 * SQLite itself, in a process of its own: a statement cannot be interrupted from within, and would hold the
 * whole runner.
 * Requests come as lines of JSON on stdin, each is answered by one on stdout. It needs the runtime alone,
 * no package.
 */
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { readLines } from "./lines.ts";

export type SqliteRequest =
  | { readonly op: "open"; readonly path: string; readonly isReadOnly: boolean; readonly busyMs: number }
  /** Statements one after the other; the last one is left open for `fetch`. */
  | { readonly op: "script"; readonly text: string; readonly params: SqliteParams }
  | { readonly op: "fetch" }
  /** The same statement with each row. */
  | { readonly op: "put"; readonly text: string; readonly rows: readonly SqliteValue[][] };

export type SqliteValue = string | number | null;
export type SqliteParams = readonly SqliteValue[] | Readonly<Record<string, SqliteValue>> | null;

export type SqliteReply =
  | {
    readonly ok: true;
    readonly columns: readonly string[];
    readonly rows: readonly (readonly unknown[])[];
    readonly isDone: boolean;
    /** Rows that statements changed since the file was opened, without those that triggers did. */
    readonly changes: number;
  }
  | { readonly ok: false; readonly message: string };

const PIECE_ROWS = 500;
const PIECE_BYTES = 262_144;
/** What stands between statements. */
const GAP = /^(?:[\s;]+|--[^\n]*(?:\n|$)|\/\*[^]*?(?:\*\/|$))+/;

interface Session {
  readonly db: DatabaseSync;
  readonly counter: StatementSync;
  changes: number;
  rows: Iterator<unknown> | null;
  columns: readonly string[];
}

if (import.meta.main) await serve();

async function serve(): Promise<void> {
  let session: Session | null = null;
  for await (const line of readLines(Deno.stdin.readable)) {
    // Whoever writes here is the same version of the same program.
    const request = JSON.parse(line) as SqliteRequest;
    try {
      if (request.op === "open") session = open(request);
      else if (session !== null) handle(session, request);
      if (session !== null) send(fetch(session, request.op === "fetch"));
    } catch (error) {
      send({ ok: false, message: error instanceof Error ? error.message : String(error) });
    }
  }
  session?.db.close();
}

function open(request: Extract<SqliteRequest, { op: "open" }>): Session {
  const db = new DatabaseSync(request.path, { readOnly: request.isReadOnly });
  db.exec(`pragma busy_timeout = ${request.busyMs}`);
  const counter = db.prepare("select total_changes() as total, changes() as last");
  return { db, counter, changes: 0, rows: null, columns: [] };
}

function handle(session: Session, request: Exclude<SqliteRequest, { op: "open" }>): void {
  if (request.op === "put") put(session, request.text, request.rows);
  if (request.op === "script") script(session, request.text, request.params);
}

function put(session: Session, text: string, rows: readonly SqliteValue[][]): void {
  const statement = session.db.prepare(text);
  for (const row of rows) session.changes += Number(statement.run(...row).changes);
}

/** What a statement changed; the engine's own count stands still for those that change no row. */
function counted<T>(session: Session, act: () => T): T {
  const before = session.counter.get()?.["total"];
  const done = act();
  const { total, last } = session.counter.get() ?? {};
  if (total !== before) session.changes += Number(last);
  return done;
}

function script(session: Session, text: string, params: SqliteParams): void {
  session.rows = null;
  session.columns = [];
  for (let rest = text.replace(GAP, ""); rest !== "";) {
    const statement = session.db.prepare(rest);
    rest = rest.slice(statement.sourceSQL.length).replace(GAP, "");
    const isLast = rest === "";
    if (statement.columns().length === 0) counted(session, () => run(statement, params));
    else if (isLast) start(session, statement, params);
    else counted(session, () => drain(statement, params));
  }
}

function run(statement: StatementSync, params: SqliteParams): void {
  const { named, listed } = bindings(statement, params);
  if (named === null) statement.run(...listed);
  else statement.run(named, ...listed);
}

function start(session: Session, statement: StatementSync, params: SqliteParams): void {
  session.columns = statement.columns().map(({ name }) => name);
  session.rows = iterate(statement, params);
}

function drain(statement: StatementSync, params: SqliteParams): void {
  const rows = iterate(statement, params);
  while (rows.next().done !== true);
}

function iterate(statement: StatementSync, params: SqliteParams): Iterator<unknown> {
  statement.setReadBigInts(true);
  statement.setReturnArrays(true);
  const { named, listed } = bindings(statement, params);
  return named === null ? statement.iterate(...listed) : statement.iterate(named, ...listed);
}

interface Bindings {
  readonly named: Record<string, SQLInputValue> | null;
  readonly listed: SQLInputValue[];
}

/** Names that a statement does not have are for another one of the script. */
function bindings(statement: StatementSync, params: SqliteParams): Bindings {
  statement.setAllowUnknownNamedParameters(true);
  if (params === null) return { named: null, listed: [] };
  return isList(params) ? { named: null, listed: [...params] } : { named: { ...params }, listed: [] };
}

function isList(params: NonNullable<SqliteParams>): params is readonly SqliteValue[] {
  return Array.isArray(params);
}

function fetch(session: Session, isWanted: boolean): SqliteReply {
  const rows = isWanted ? counted(session, () => takeRows(session)) : [];
  const { columns, changes } = session;
  return { ok: true, columns, rows, isDone: session.rows === null, changes };
}

function takeRows(session: Session): unknown[][] {
  const rows: unknown[][] = [];
  for (let size = 0; session.rows !== null && rows.length < PIECE_ROWS && size < PIECE_BYTES;) {
    const next = session.rows.next();
    if (next.done === true) session.rows = null;
    else if (Array.isArray(next.value)) {
      const row = next.value.map(plain);
      size += row.reduce((sum: number, cell) => sum + (typeof cell === "string" ? cell.length : 8), 0);
      rows.push(row);
    }
  }
  return rows;
}

/**
 * As JSON can hold it: a whole number that JavaScript cannot hold stays text, bytes are hexadecimal as in
 * Postgres.
 */
function plain(cell: unknown): string | number | null {
  if (cell === null || typeof cell === "string") return cell;
  if (typeof cell === "bigint") {
    const number = Number(cell);
    return Number.isSafeInteger(number) ? number : String(cell);
  }
  if (typeof cell === "number") return Number.isFinite(cell) ? cell : String(cell);
  if (cell instanceof Uint8Array) return `\\x${cell.toHex()}`;
  return String(cell);
}

function send(reply: SqliteReply): void {
  const bytes = new TextEncoder().encode(`${JSON.stringify(reply)}\n`);
  for (let done = 0; done < bytes.length;) done += Deno.stdout.writeSync(bytes.subarray(done));
}
