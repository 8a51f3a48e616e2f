/** Opens the database that the environment names: Postgres, or PGlite below the home. The migrations are applied. */
import { systemClock } from "../runner/clock.ts";
import { sha256 } from "../workflow/digest.ts";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Sql } from "postgres";
import * as v from "valibot";
import type { Db } from "../server/store/db.ts";
import { POOL_OPTIONS, withSafeTransactions } from "../server/store/pool.ts";
import { newestMigration } from "../server/store/migrations.ts";
import { UserError } from "./command.ts";
import { copyTemplate, isThere } from "./embedded-template.ts";
import type { Home } from "./home.ts";

export interface Database extends AsyncDisposable {
  readonly db: Db;
  /** Hears and tells other processes on the same Postgres; null on the embedded database, which has none. */
  readonly channel: Channel | null;
}

/** One NOTIFY channel: latency only (LN-04). */
export interface Channel {
  publish(topic: string): void;
  subscribe(onTopic: (topic: string) => void): Promise<void>;
}

const MIGRATIONS = fileURLToPath(new URL("../../migrations", import.meta.url));
const CHANNEL = "dagu_wake";
/** Any number that all versions share: processes that start at once migrate one after the other. */
const MIGRATION_LOCK = 4_201_995;
const Journal = v.object({ entries: v.array(v.object({ when: v.number() })) });

/** `variable`: where the address is from. */
export async function openPostgres(url: string, variable = "DATABASE_URL"): Promise<Database> {
  // A password may be in it: what is wrong with it is told without it.
  if (!/^postgres(ql)?:\/\//.test(url) || !URL.canParse(url)) {
    throw new UserError(
      `${variable} is not the address of a Postgres; write postgres://USER:PASSWORD@HOST:PORT/DATABASE`,
    );
  }
  const [{ default: postgres }, { drizzle }, schema] = await Promise.all([
    import("postgres"),
    import("drizzle-orm/postgres-js"),
    import("../server/store/schema.ts"),
  ]);
  const ports = { clock: systemClock(), random: Math.random };
  const client = withSafeTransactions(postgres(url, { ...POOL_OPTIONS, max: 10 }), ports);
  try {
    // Both drivers' handles are this at run time; the type of their raw results differs, which `query.ts` absorbs.
    const db = drizzle(client, { schema }) as unknown as Db;
    if (!await isMigrated(db)) {
      const { migrate } = await import("drizzle-orm/postgres-js/migrator");
      const lock = postgres(url, { ...POOL_OPTIONS, max: 1, max_lifetime: null });
      await oneAtATime(lock, async () => {
        // Another process may have migrated while this one waited.
        if (!await isMigrated(db)) await migrate(drizzle(lock), { migrationsFolder: MIGRATIONS });
      });
    }
    return {
      db,
      channel: {
        publish: (topic) => void client.notify(CHANNEL, topic).catch(() => {}),
        subscribe: async (onTopic) => {
          await client.listen(CHANNEL, onTopic);
        },
      },
      [Symbol.asyncDispose]: () => client.end({ timeout: 5 }),
    };
  } catch (error) {
    await client.end({ timeout: 1 });
    const reason = error instanceof Error ? error.message : String(error);
    throw new UserError(
      `cannot use the database of ${variable}: ${reason}\nIs Postgres up, and may this user create tables?`,
    );
  }
}

/** `lock`: one connection, for this work alone and as long as it takes: the lock is gone with it, whatever becomes of it. */
async function oneAtATime(lock: Sql, work: () => Promise<void>): Promise<void> {
  try {
    await lock`select pg_advisory_lock(${MIGRATION_LOCK})`;
    await work();
  } finally {
    await lock.end({ timeout: 1 });
  }
}

/** Asked first, because the migrator is slow to load and writes even when there is nothing to do. */
async function isMigrated(db: Db): Promise<boolean> {
  const text = await Deno.readTextFile(join(MIGRATIONS, "meta", "_journal.json"));
  const { entries } = v.parse(Journal, JSON.parse(text));
  return await newestMigration(db) >= Math.max(...entries.map((entry) => entry.when));
}

/**
 * Of Postgres' own page cache; the file system has one too. The default of 128 MB is cleared at every start, which costs a
 * third of the time that opening the database takes, and stays resident.
 */
const EMBEDDED_BUFFERS = "8MB";
/** Postgres' number for the type of bytes. PGlite goes through them one by one, both ways. */
const BYTEA = 17;

/** The caller holds the home's lock. `cache`: null when nothing can be kept for the next home. */
export async function openEmbedded(home: Home, cache: string | null): Promise<Database> {
  try {
    if (cache !== null && !await isThere(home.dataDir)) await fromTemplate(home, cache);
    return await openPGlite(home.dataDir);
  } catch (error) {
    // The file system of PGlite throws objects of its own, which have a number at most.
    const errno = v.safeParse(v.object({ errno: v.number() }), error);
    const number = errno.success ? `errno ${errno.output.errno}` : String(error);
    const reason = error instanceof Error ? error.message : number;
    throw new UserError(
      `cannot open the embedded database in ${home.dataDir}: ${reason}\n` +
        "Is there room on the disk, and may this user write there? Set DAGU_HOME to another folder, or DATABASE_URL.",
    );
  }
}

async function fromTemplate(home: Home, cache: string): Promise<void> {
  const make = async (dir: string): Promise<void> => {
    await (await openPGlite(dir))[Symbol.asyncDispose]();
  };
  // Without a template, PGlite makes the database at the place itself.
  await copyTemplate({ cache, key: await templateKey(), make }, home.dataDir).catch(() => {});
}

/** The engine, whose version is in its path, and the text of every migration. */
async function templateKey(): Promise<string> {
  const names = (await Array.fromAsync(Deno.readDir(MIGRATIONS))).map((entry) => entry.name).sort();
  const texts = await Promise.all(
    names.filter((name) => name.endsWith(".sql")).map((name) => Deno.readTextFile(join(MIGRATIONS, name))),
  );
  const all = [import.meta.resolve("@electric-sql/pglite"), ...texts].join("\0");
  return (await sha256(all)).slice(0, 16);
}

async function openPGlite(dataDir: string): Promise<Database> {
  // First of all: it compiles on other threads while this one loads the rest.
  const opening = import("@electric-sql/pglite").then(({ PGlite }) =>
    PGlite.create({
      dataDir,
      startParams: [...PGlite.defaultStartParams, "-c", `shared_buffers=${EMBEDDED_BUFFERS}`],
      parsers: { [BYTEA]: (hex: string) => Uint8Array.fromHex(hex.slice(2)) },
      serializers: { [BYTEA]: (bytes: Uint8Array) => `\\x${bytes.toHex()}` },
    })
  );
  const [client, { drizzle }, schema] = await Promise.all([
    opening,
    import("drizzle-orm/pglite"),
    import("../server/store/schema.ts"),
  ]);
  const handle = drizzle(client, { schema });
  const db = handle as unknown as Db;
  if (!await isMigrated(db)) {
    const { migrate } = await import("drizzle-orm/pglite/migrator");
    await migrate(handle, { migrationsFolder: MIGRATIONS });
  }
  return { db, channel: null, [Symbol.asyncDispose]: () => client.close() };
}
