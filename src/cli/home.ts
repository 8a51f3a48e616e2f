/** `$DAGU_HOME`: where the embedded database, keys and runner state live, and who holds it. */
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import * as v from "valibot";
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
  const dir = resolve(chosen === "" ? join(env["HOME"] || homedir(), ".dagu-edge") : chosen);
  const dags = env["DAGU_DAGS_DIR"]?.trim() ?? "";
  return {
    dir,
    dataDir: join(dir, "data"),
    runnerDir: join(dir, "runner"),
    dagsDir: dags === "" ? join(dir, "dags") : resolve(dags),
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

// ---- the data folder's lock -------------------------------------------------------------------------------------

/**
 * One process at a time may open the embedded database; nothing else guards it. The kernel gives the lock back when its
 * holder dies, however it dies. null: another process holds it.
 */
export async function lockHome(home: Home): Promise<Disposable | null> {
  const file = await Deno.open(join(home.dir, "lock"), { create: true, write: true, mode: 0o600 });
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

// ---- the master key ---------------------------------------------------------------------------------------------

const KEY_BYTES = 32;

/** `DAGU_ENCRYPTION_KEYS` (base64 of 32 bytes; the first of a list), else a key made once in the home. */
export async function readMasterKey(home: Home, env: Readonly<Record<string, string>>): Promise<Uint8Array> {
  const given = env["DAGU_ENCRYPTION_KEYS"]?.split(",")[0]?.trim() ?? "";
  if (given !== "") {
    const key = decodeKey(given);
    if (key === null) {
      throw new UserError(
        "DAGU_ENCRYPTION_KEYS must be the base64 form of 32 bytes; make one with: openssl rand -base64 32",
      );
    }
    return key;
  }
  const path = join(home.dir, "master.key");
  const kept = decodeKey((await Deno.readTextFile(path).catch(() => "")).trim());
  if (kept !== null) return kept;
  const made = crypto.getRandomValues(new Uint8Array(KEY_BYTES));
  await Deno.writeTextFile(path, made.toBase64() + "\n", { mode: 0o600, createNew: true });
  return made;
}

function decodeKey(text: string): Uint8Array | null {
  try {
    const key = Uint8Array.fromBase64(text);
    return key.length === KEY_BYTES ? key : null;
  } catch {
    return null;
  }
}
