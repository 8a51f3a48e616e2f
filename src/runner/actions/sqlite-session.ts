/** One SQLite file for one step, in a process that can be ended at any moment. */
import { fileURLToPath } from "node:url";
import { ActionError } from "./deed.ts";
import { joinDir, stepDir } from "./host.ts";
import type { Limit } from "./limit.ts";
import { readLines } from "./lines.ts";
import type { SqliteParams, SqliteReply, SqliteRequest, SqliteValue } from "./sqlite-child.ts";
import { isList, type Params } from "./sql-text.ts";
import type { Work } from "./work.ts";

export type Piece = Extract<SqliteReply, { ok: true }>;

export interface SqliteSession extends AsyncDisposable {
  ask(request: SqliteRequest): Promise<Piece>;
}

/** For somebody else's transaction, when the step has no limit of its own. */
const BUSY_MS = 60_000;

export async function openSqlite(
  dsn: string,
  seconds: number,
  limit: Limit,
  work: Work,
): Promise<SqliteSession> {
  const file = readDsn(dsn, work);
  await checkFile(file);
  const child = spawn(work);
  const writer = child.stdin.getWriter();
  const lines = readLines(child.stdout)[Symbol.asyncIterator]();
  const kill = (): void => killChild(child);
  limit.signal.addEventListener("abort", kill, { once: true });
  const ask = async (request: SqliteRequest): Promise<Piece> => {
    if (limit.signal.aborted) throw ended(limit);
    await writer.write(new TextEncoder().encode(`${JSON.stringify(request)}\n`)).catch(() => {});
    const line = await lines.next();
    if (line.done === true) throw ended(limit);
    // The other end is `sqlite-child.ts` of this version.
    const reply = JSON.parse(line.value) as SqliteReply;
    if (!reply.ok) throw explained(reply.message, file);
    return reply;
  };
  /** It is idle now, or killed: so it puts its files in order and goes. */
  const close = async (): Promise<void> => {
    await writer.close().catch(() => {});
    await lines.return?.(undefined);
    await child.status;
    limit.signal.removeEventListener("abort", kill);
  };
  try {
    await ask({ op: "open", path: file.path, isReadOnly: file.mode === "ro", busyMs: busyMs(seconds) });
    return { ask, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

function busyMs(seconds: number): number {
  return seconds > 0 ? Math.ceil(seconds * 1000) : BUSY_MS;
}

/** Nothing of the runner's environment but what the runtime itself needs. */
function spawn(work: Work): Deno.ChildProcess {
  const { attemptId, hostEnv, ids, runnerEnv } = work.attempt;
  const dir = runnerEnv["DENO_DIR"];
  return new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-config",
      "--no-lock",
      "--allow-read",
      "--allow-write",
      fileURLToPath(new URL("./sqlite-child.ts", import.meta.url)),
    ],
    env: {
      ...hostEnv,
      ...(dir === undefined ? {} : { DENO_DIR: dir }),
      DENO_NO_UPDATE_CHECK: "1",
      // As `process.ts` marks its processes: after a crash of the runner, the next one ends this one as well.
      DAGU_PROCESS_TOKEN: `${attemptId}/${ids.uuid()}`,
    },
    clearEnv: true,
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
}

function killChild(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

function ended(limit: Limit): ActionError {
  if (limit.isOver()) return new ActionError("not done within timeout", "raise timeout, or ask for less");
  return new ActionError(limit.signal.aborted ? "stopped" : "SQLite's process ended without an answer");
}

function explained(message: string, file: SqliteFile): ActionError {
  if (/unable to open database/i.test(message)) {
    return new ActionError(
      `${file.path} cannot be opened`,
      "check that its folder exists and may be written",
    );
  }
  if (/database is locked/i.test(message)) {
    return new ActionError(
      `${file.path} is locked by another process`,
      "end its transaction, or raise timeout",
    );
  }
  return new ActionError(message);
}

// ---- the file
// ---------------------------------------------------------------------------------------------------

interface SqliteFile {
  readonly path: string;
  /** As SQLite's own URIs say it. */
  readonly mode: "ro" | "rw" | "rwc";
}

const REMEDY = "write dsn: data/app.db, or file:data/app.db?mode=ro";

function readDsn(dsn: string, work: Work): SqliteFile {
  const [, name = "", query = ""] =
    /^(?:file:(?:\/\/)?|sqlite3?:\/\/)?([^?]*)(?:\?(.*))?$/s.exec(dsn.trim()) ?? [];
  const words = new URLSearchParams(query);
  const mode = words.get("mode") ?? "rwc";
  const unknown = [...words.keys()].find((key) => key !== "mode");
  if (unknown !== undefined) {
    throw new ActionError(`dsn has the unknown parameter ${unknown}`, "write PRAGMA statements in query");
  }
  if (name === "") throw new ActionError("dsn names no file", REMEDY);
  if (name === ":memory:" || mode === "memory") return { path: ":memory:", mode: "rwc" };
  if (mode !== "ro" && mode !== "rw" && mode !== "rwc") {
    throw new ActionError("dsn has an unknown mode", "use ro, rw, rwc or memory");
  }
  return { path: joinDir(stepDir(work), name), mode };
}

async function checkFile({ path, mode }: SqliteFile): Promise<void> {
  if (mode === "rwc" || await Deno.stat(path).then(() => true, () => false)) return;
  throw new ActionError(`${path} is not there`, "correct dsn, or leave mode out to make the file");
}

// ---- values
// -----------------------------------------------------------------------------------------------------

export function sqliteParams(params: Params): SqliteParams {
  if (params === undefined) return null;
  if (isList(params)) return params.map(sqliteValue);
  return Object.fromEntries(Object.entries(params).map(([name, value]) => [name, sqliteValue(value)]));
}

/** Lists and mappings are JSON, truth is 1 or 0. */
export function sqliteValue(value: unknown): SqliteValue {
  if (value === null || value === undefined) return null;
  if (typeof value === "boolean") return value ? 1 : 0;
  if (typeof value === "string" || typeof value === "number") return value;
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
