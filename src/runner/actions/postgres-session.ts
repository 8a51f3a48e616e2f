/**
 * One connection to Postgres for one step. Values travel as Postgres writes them, so that nothing is bent
 * on the way.
 */
import type { ConnectionOptions } from "node:tls";
import postgres from "postgres";
import { ActionError } from "./deed.ts";
import { hostEnvironment } from "./environment.ts";
import { joinDir, stepDir } from "./host.ts";
import type { Limit } from "./limit.ts";
import { type PostgresPlace, readDsn } from "./postgres-dsn.ts";
import { wholeNumberOf } from "./sql.ts";
import type { Work } from "./work.ts";

const CONNECT_S = 30;
/** For the answer to a cancelled statement; then the connection is cut. */
const CANCEL_S = 2;

export interface Result {
  /** None: the statement gives no rows. */
  readonly columns: readonly string[];
  readonly rows: readonly (readonly unknown[])[];
  /** Rows that it changed. */
  readonly affected: number;
}

export interface PostgresSession extends AsyncDisposable {
  /** One statement or several, as one message; the results in their order. */
  script(text: string): Promise<readonly Result[]>;
  one(text: string, values: readonly (string | null)[]): Promise<Result>;
  /** Piece by piece, while `take` says true; `rows` of the answer is its last piece, which `take` has had. */
  flow(
    text: string,
    values: readonly (string | null)[],
    take: (piece: Result) => Promise<boolean>,
  ): Promise<Result>;
}

const PIECE_ROWS = 500;

interface Statement<T> extends PromiseLike<T> {
  cancel(): void;
}

export async function openPostgres(dsn: string, limit: Limit, work: Work): Promise<PostgresSession> {
  const place = readDsn(dsn, hostEnvironment(work.attempt.hostEnv, work.call));
  const ssl = await readSsl(place, work);
  const notices: Promise<void>[] = [];
  const sql = postgres({
    host: place.host,
    port: place.port,
    ...(place.path === null ? {} : { path: place.path }),
    database: place.database,
    username: place.user,
    // A function: an empty text would be looked up in the runner's environment.
    password: () => place.password,
    ssl,
    max: 1,
    prepare: false,
    connect_timeout: CONNECT_S,
    idle_timeout: 0,
    max_lifetime: null,
    types: TYPES,
    connection: {
      application_name: place.applicationName,
      ...(place.options === "" ? {} : { options: place.options }),
    },
    onnotice: (notice) => {
      const text = `${notice["severity"]}: ${notice["message"]}\n`;
      notices.push(work.sink.write("stderr", new TextEncoder().encode(text)));
    },
  });
  const cut = (): void => void sql.end({ timeout: CANCEL_S });
  limit.signal.addEventListener("abort", cut, { once: true });
  /** A statement under way is cancelled when the limit is reached. */
  const run = async <T>(query: Statement<T>): Promise<T> => {
    const cancel = (): void => query.cancel();
    limit.signal.addEventListener("abort", cancel, { once: true });
    try {
      limit.signal.throwIfAborted();
      return await query;
    } catch (error) {
      throw explained(error, place, limit);
    } finally {
      limit.signal.removeEventListener("abort", cancel);
    }
  };
  return {
    script: async (text) => {
      const query = sql.unsafe(text).values().simple();
      // The library's type leaves out that several statements answer with a list of results.
      const answer = await run(query as unknown as Statement<Rows | Rows[]>);
      return isRows(answer) ? [readResult(answer)] : answer.map(readResult);
    },
    one: async (text, values) => readResult(await run(sql.unsafe(text, [...values]).values())),
    flow: async (text, values, take) => {
      let columns: readonly string[] | null = null;
      const piece = async (rows: Rows): Promise<void | typeof sql.CLOSE> => {
        const result = readResult(rows);
        // Only the first piece knows them.
        columns ??= result.columns;
        if (!(await take({ ...result, columns }))) return sql.CLOSE;
      };
      const query = sql.unsafe(text, [...values]).values();
      // The library's type of a cursor forgets that the rows are lists.
      const last = readResult(
        await run(query.cursor(PIECE_ROWS, piece as never) as unknown as Statement<Rows>),
      );
      if (columns === null) await take(last);
      return last;
    },
    [Symbol.asyncDispose]: async () => {
      limit.signal.removeEventListener("abort", cut);
      await sql.end({ timeout: CANCEL_S });
      await Promise.all(notices);
    },
  };
}

type Rows = readonly unknown[][] & {
  readonly command?: string;
  readonly count?: number | null;
  readonly columns?: readonly { readonly name: string }[] | null;
};

function isRows(answer: Rows | Rows[]): answer is Rows {
  return "command" in answer;
}

function readResult(rows: Rows): Result {
  const isChange = /^(insert|update|delete|merge|copy)$/i.test(rows.command ?? "");
  return {
    columns: (rows.columns ?? []).map(({ name }) => name),
    rows: [...rows],
    affected: isChange ? rows.count ?? 0 : 0,
  };
}

async function readSsl(
  place: PostgresPlace,
  work: Work,
): Promise<"allow" | "prefer" | false | ConnectionOptions> {
  if (place.path !== null || place.sslMode === "disable") return false;
  if (place.sslMode === "allow" || place.sslMode === "prefer") return place.sslMode;
  const file = place.sslRootCert;
  const isSystem = file === "" || file === "system";
  const ca = isSystem ? {} : { ca: await readAuthority(joinDir(stepDir(work), file)) };
  const names = { host: place.host };
  if (place.sslMode === "verify-full") return { ...names, ...ca, rejectUnauthorized: true };
  if (place.sslMode === "verify-ca" || !isSystem) {
    return { ...names, ...ca, rejectUnauthorized: true, checkServerIdentity: () => undefined };
  }
  return { rejectUnauthorized: false };
}

async function readAuthority(path: string): Promise<string> {
  return await Deno.readTextFile(path).catch((error: Error) => {
    throw new ActionError(`sslrootcert ${path} cannot be read: ${error.message}`, "correct dsn");
  });
}

/** Never the password: the place is told by its parts. */
function explained(error: unknown, place: PostgresPlace, limit: Limit): Error {
  if (error instanceof ActionError) return error;
  if (limit.isOver()) return new ActionError("not done within timeout", "raise timeout, or ask for less");
  if (limit.signal.aborted) return new ActionError("stopped");
  if (error instanceof postgres.PostgresError) return refused(error);
  const why = error instanceof Error ? error.message || reasonOf(error) : String(error);
  const text = place.password === "" ? why : why.replaceAll(place.password, "*****");
  return new ActionError(
    `${place.path ?? `${place.host}:${place.port}`}: ${text}`,
    "check dsn and the server",
  );
}

function reasonOf(error: Error): string {
  if (error instanceof AggregateError) {
    return error.errors.map((one) => String(one?.message ?? one)).join(", ");
  }
  return "code" in error ? String(error.code) : error.name;
}

function refused(error: postgres.PostgresError): ActionError {
  const { message, detail, code, hint, position } = error;
  const where = position === undefined ? "" : ` at character ${position}`;
  const more = detail === undefined ? "" : ` (${detail})`;
  const isLogin = code === "28P01" || code === "28000";
  return new ActionError(
    `${message}${where}${more} [${code}]`,
    isLogin ? "check user and password of dsn" : hint ?? "",
  );
}

// ---- values
// -----------------------------------------------------------------------------------------------------

const asText = (value: unknown): string => String(value);

/** What the library turns into objects of its own; the last of its defaults for these is replaced. */
const TYPES: Record<string, postgres.PostgresType> = {
  raw: { to: 25, from: [17, 1082], serialize: asText, parse: asText },
  time: {
    to: 1184,
    from: [1114, 1184],
    serialize: asText,
    parse: (text: string) => text.replace(" ", "T").replace(/([+-]\d\d)$/, "$1:00"),
  },
  flag: { to: 16, from: [16], serialize: asText, parse: (text: string) => text === "t" },
  whole: { to: 20, from: [20], serialize: asText, parse: (text: string) => wholeNumberOf(text) },
  float: {
    to: 701,
    from: [700, 701],
    serialize: asText,
    // JSON has no words for what is no number.
    parse: (text: string) => Number.isFinite(Number(text)) ? Number(text) : text,
  },
  json: { to: 114, from: [114, 3802], serialize: asText, parse: (text: string) => JSON.parse(text) },
};

/** A parameter as Postgres reads it; a list is an array, a mapping JSON. */
export function paramText(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (Array.isArray(value)) return `{${value.map(elementText).join(",")}}`;
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** A value for a column: a list is JSON there. */
export function cellText(value: unknown): string | null {
  return Array.isArray(value) ? JSON.stringify(value) : paramText(value);
}

function elementText(value: unknown): string {
  if (Array.isArray(value)) return paramText(value) ?? "NULL";
  const text = paramText(value);
  return text === null ? "NULL" : `"${text.replace(/["\\]/g, "\\$&")}"`;
}
