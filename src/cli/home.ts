/** `$DAGU_HOME`: where the embedded database, keys and runner state live, and who holds it. */
import { homedir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import { absolute } from "./absolute.ts";
import { decodeKey, keyOf, type Keyring, KEYS_FORM, readKeys } from "../server/secrets/keyring.ts";
import { UserError } from "./command.ts";

export interface Home {
  readonly dir: string;
  readonly dataDir: string;
  readonly runnerDir: string;
  /** Where a workflow is looked for by its name (C-04). */
  readonly dagsDir: string;
}

/**
 * Where it is; nothing is made there. The default is a folder of our own: `~/.dagu` may belong to the original Dagu, whose
 * files mean something else. Absolute, because steps are told paths below it and run in other folders.
 */
export function locateHome(env: Readonly<Record<string, string>>): Home {
  const chosen = env["DAGU_HOME"]?.trim() ?? "";
  const dir = absolute(chosen === "" ? join(env["HOME"] || homedir(), ".dagu-edge") : chosen);
  const dags = env["DAGU_DAGS_DIR"]?.trim() ?? "";
  return {
    dir,
    dataDir: join(dir, "data"),
    runnerDir: join(dir, "runner"),
    dagsDir: dags === "" ? join(dir, "dags") : absolute(dags),
  };
}

export async function openHome(env: Readonly<Record<string, string>>): Promise<Home> {
  const home = locateHome(env);
  const { dir } = home;
  try {
    await Deno.mkdir(dir, { recursive: true });
  } catch (error) {
    throw new UserError(
      `cannot make the folder ${dir}: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  return home;
}

/** Of a Postgres, and the variable of the environment that names it; null: the database is embedded, below the home. */
export function databaseAt(
  env: Readonly<Record<string, string>>,
): { readonly url: string; readonly variable: string } | null {
  for (const variable of ["DAGU_DATABASE_URL", "DATABASE_URL"]) {
    const url = env[variable]?.trim() ?? "";
    if (url !== "") return { url, variable };
  }
  return null;
}

export function databaseUrl(env: Readonly<Record<string, string>>): string | null {
  return databaseAt(env)?.url ?? null;
}

// ---- the data folder's lock -------------------------------------------------------------------------------------

/** The embedded database of this home is open in another process. */
export class HomeInUseError extends UserError {}

/** Throws `HomeInUseError`. */
export async function takeHome(home: Home): Promise<Disposable> {
  const lock = await lockHome(home);
  if (lock !== null) return lock;
  const running = await readServerRecord(home);
  const where = running === null ? "" : ` (process ${running.pid}, ${running.url})`;
  throw new HomeInUseError(
    `the embedded database below ${home.dir} is in use by another dagu${where}\n` +
      "Stop that one, set DAGU_HOME to another folder, or set DATABASE_URL to share a Postgres.",
  );
}

/**
 * One process at a time may open the embedded database; nothing else guards it. The kernel gives the lock back when its
 * holder dies, however it dies. null: another process holds it.
 */
async function lockHome(home: Home): Promise<Disposable | null> {
  const path = join(home.dir, "lock");
  const file = await Deno.open(path, { create: true, write: true, mode: 0o600 }).catch((error: Error) => {
    throw new UserError(
      `cannot write below ${home.dir}: ${error.message}\nSet DAGU_HOME to a folder of yours.`,
    );
  });
  if (await file.tryLock(true)) return { [Symbol.dispose]: () => file.close() };
  file.close();
  return null;
}

// ---- the running server -----------------------------------------------------------------------------------------

const ServerRecord = v.object({ url: v.string(), token: v.string(), pid: v.number() });
export type ServerRecord = v.InferOutput<typeof ServerRecord>;

/** Where a process that holds this home answers; readable by its user only. */
export async function writeServerRecord(home: Home, record: ServerRecord): Promise<AsyncDisposable> {
  const path = join(home.dir, "server.json");
  await Deno.writeTextFile(`${path}.new`, JSON.stringify(record, null, 2) + "\n", { mode: 0o600 });
  await Deno.rename(`${path}.new`, path);
  return { [Symbol.asyncDispose]: () => Deno.remove(path).catch(() => {}) };
}

export async function readServerRecord(home: Home): Promise<ServerRecord | null> {
  try {
    const json: unknown = JSON.parse(await Deno.readTextFile(join(home.dir, "server.json")));
    return v.is(ServerRecord, json) ? json : null;
  } catch {
    return null;
  }
}

// ---- the keys ---------------------------------------------------------------------------------------------

/** `DAGU_ENCRYPTION_KEYS`, else a key made once in the home. */
export async function readKeyring(home: Home, env: Readonly<Record<string, string>>): Promise<Keyring> {
  const given = env["DAGU_ENCRYPTION_KEYS"]?.trim() ?? "";
  if (given !== "") {
    const keys = readKeys(given);
    if (keys === null) throw new UserError(`DAGU_ENCRYPTION_KEYS ${KEYS_FORM}`);
    return keys;
  }
  const path = join(home.dir, "master.key");
  const kept = decodeKey((await Deno.readTextFile(path).catch(() => "")).trim());
  if (kept !== null) return [keyOf(kept)];
  const made = crypto.getRandomValues(new Uint8Array(32));
  await Deno.writeTextFile(path, made.toBase64() + "\n", { mode: 0o600, createNew: true }).catch(
    (error: Error) => {
      throw new UserError(
        `${path} cannot be read as a key: ${error.message}\n` +
          "What is sealed can be opened with that key only: bring the file back, or let this user read it.",
      );
    },
  );
  return [keyOf(made)];
}
