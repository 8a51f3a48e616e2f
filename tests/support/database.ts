/** A migrated database for one test: embedded, or a clone of a template on the real server. */
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { PGlite } from "@electric-sql/pglite";
import { drizzle as drizzlePglite } from "drizzle-orm/pglite";
import { migrate as migratePglite } from "drizzle-orm/pglite/migrator";
import { drizzle as drizzlePostgres } from "drizzle-orm/postgres-js";
import { migrate as migratePostgres } from "drizzle-orm/postgres-js/migrator";
import postgres from "postgres";
import { systemClock } from "../../src/runner/clock.ts";
import type { Db } from "../../src/server/store/db.ts";
import { POOL_OPTIONS, withSafeTransactions } from "../../src/server/store/pool.ts";
import * as schema from "../../src/server/store/schema.ts";
import { required } from "./engines.ts";

export type DatabaseKind = "pglite" | "postgres";
export const DATABASE_KINDS: readonly DatabaseKind[] = ["pglite", "postgres"];

export interface TestDatabase extends AsyncDisposable {
  readonly db: Db;
  /** Where other processes reach it; null: only in this one. */
  readonly url: string | null;
}

const MIGRATIONS = fileURLToPath(new URL("../../migrations", import.meta.url));

export async function openTestDatabase(kind: DatabaseKind): Promise<TestDatabase> {
  return kind === "pglite" ? await openEmbedded() : await openClone();
}

// ---- embedded ---------------------------------------------------------------------------------------------------

let snapshot: Promise<Blob | File> | null = null;

/** Loaded from the snapshot of a migrated one, which takes a fifth of the time of making it. */
export async function openEmbeddedClient(): Promise<PGlite> {
  snapshot ??= findSnapshot();
  return await PGlite.create({ loadDataDir: await snapshot });
}

/** Emptied, for the next test of this file: that takes a thirtieth of the time of opening one. */
const spare: PGlite[] = [];

async function openEmbedded(): Promise<TestDatabase> {
  const client = spare.pop() ?? await openEmbeddedClient();
  return {
    db: drizzlePglite(client, { schema }) as unknown as Db,
    url: null,
    [Symbol.asyncDispose]: async () => {
      if (client.closed) return;
      await empty(client);
      spare.push(client);
    },
  };
}

type EngineTimers = PGlite["Module"] & { _clear_setitimer(): void };

/** No table refers to another, and no migration brings rows. */
async function empty(client: PGlite): Promise<void> {
  const { rows } = await client.query<{ readonly name: string }>(
    "select quote_ident(tablename) as name from pg_tables where schemaname = 'public'",
  );
  await client.exec("discard all");
  await client.exec(rows.map(({ name }) => `delete from ${name};`).join(" "));
  // As closing it would: a timer of the engine must not go off in the midst of the next test.
  (client.Module as EngineTimers)._clear_setitimer();
}

/**
 * The first process that needs it leaves it to all others: making it takes seconds, and is the same for each file. Not
 * compressed, because it is read hundreds of times.
 */
async function findSnapshot(): Promise<Blob | File> {
  const engine = createHash("sha256").update(import.meta.resolve("@electric-sql/pglite")).digest("hex").slice(
    0,
    12,
  );
  const path = `${Deno.env.get("TMPDIR") ?? "/tmp"}/dagu-test-${await migrationsDigest()}-${engine}.tar`;
  const known = await Deno.readFile(path).catch(() => null);
  if (known !== null) return new Blob([known], { type: "application/x-tar" });
  const made = await makeSnapshot();
  const part = `${path}.${crypto.randomUUID()}`;
  await Deno.writeFile(part, new Uint8Array(await made.arrayBuffer()));
  await Deno.rename(part, path);
  return made;
}

async function makeSnapshot(): Promise<Blob | File> {
  const client = await PGlite.create();
  await migratePglite(drizzlePglite(client, { schema }), { migrationsFolder: MIGRATIONS });
  const dump = await client.dumpDataDir("none");
  await client.close();
  return dump;
}

// ---- postgres ---------------------------------------------------------------------------------------------------

/** One template for each state of the migrations; test processes that run at once share it. */
async function openClone(): Promise<TestDatabase> {
  const serverUrl = required("DAGU_TEST_DATABASE_URL");
  const template = `dagu_template_${await migrationsDigest()}`;
  const name = `dagu_test_${crypto.randomUUID().replaceAll("-", "")}`;
  const admin = postgres(serverUrl, { max: 1, onnotice: () => {} });
  try {
    await admin.begin(async (sql) => {
      await sql`select pg_advisory_xact_lock(7241)`;
      const [known] = await sql`select 1 from pg_database where datname = ${template}`;
      if (known === undefined) await makeTemplate(serverUrl, template);
    });
    await createFrom(admin, name, template);
  } finally {
    await admin.end();
  }
  const url = withDatabase(serverUrl, name);
  const client = withSafeTransactions(postgres(url, { ...POOL_OPTIONS, max: 10 }), {
    clock: systemClock(),
    random: Math.random,
  });
  return {
    db: drizzlePostgres(client, { schema }) as unknown as Db,
    url,
    [Symbol.asyncDispose]: async () => {
      await client.end({ timeout: 2 });
      const dropper = postgres(serverUrl, { max: 1, onnotice: () => {} });
      await dropper.unsafe(`drop database if exists ${name} with (force)`);
      await dropper.end();
    },
  };
}

async function makeTemplate(serverUrl: string, template: string): Promise<void> {
  const maker = postgres(serverUrl, { max: 1, onnotice: () => {} });
  await maker.unsafe(`drop database if exists ${template}_new with (force)`);
  await maker.unsafe(`create database ${template}_new`);
  const client = postgres(withDatabase(serverUrl, `${template}_new`), { max: 1, onnotice: () => {} });
  await migratePostgres(drizzlePostgres(client, { schema }), { migrationsFolder: MIGRATIONS });
  await client.end();
  await maker.unsafe(`alter database ${template}_new rename to ${template}`);
  await maker.end();
}

/** A template in use by another clone is busy for a moment. */
async function createFrom(admin: postgres.Sql, name: string, template: string): Promise<void> {
  for (let attempt = 1;; attempt++) {
    try {
      await admin.unsafe(`create database ${name} template ${template} strategy file_copy`);
      return;
    } catch (error) {
      if (attempt === 20) throw error;
    }
  }
}

async function migrationsDigest(): Promise<string> {
  const hash = createHash("sha256");
  for await (const entry of Deno.readDir(MIGRATIONS)) {
    if (entry.name.endsWith(".sql")) hash.update(await Deno.readTextFile(`${MIGRATIONS}/${entry.name}`));
  }
  return hash.digest("hex").slice(0, 12);
}

function withDatabase(url: string, name: string): string {
  const parsed = new URL(url);
  parsed.pathname = `/${name}`;
  return parsed.href;
}
