import assert from "node:assert/strict";
import postgres from "postgres";
import { openPostgres } from "../../../src/cli/database.ts";
import { newestMigration } from "../../../src/server/store/migrations.ts";
import { required } from "../../support/engines.ts";

/** A database without any table; dropped in the end. */
async function onNewDatabase(test: (url: string) => Promise<void>): Promise<void> {
  const url = new URL(required("DAGU_TEST_DATABASE_URL"));
  const name = `dagu_test_${crypto.randomUUID().replaceAll("-", "")}`;
  const admin = postgres(url.href, { max: 1, onnotice: () => {} });
  try {
    await admin.unsafe(`create database ${name}`);
    url.pathname = `/${name}`;
    await test(url.href);
  } finally {
    await admin.unsafe(`drop database if exists ${name} with (force)`);
    await admin.end();
  }
}

Deno.test("openPostgres: processes that start at once on a new database all find it migrated", async () => {
  await onNewDatabase(async (url) => {
    const opened = await Promise.allSettled(Array.from({ length: 4 }, () => openPostgres(url)));
    const faults = opened.flatMap((one) => one.status === "rejected" ? [String(one.reason)] : []);
    const databases = opened.flatMap((one) => one.status === "fulfilled" ? [one.value] : []);
    const newest = await Promise.all(databases.map(({ db }) => newestMigration(db)));
    for (const database of databases) await database[Symbol.asyncDispose]();
    assert.deepEqual(faults, []);
    assert.equal(new Set(newest).size, 1);
  });
});

Deno.test("openPostgres: nobody holds the lock of the migration afterwards", async () => {
  await onNewDatabase(async (url) => {
    await using _database = await openPostgres(url);
    const client = postgres(url, { max: 1, onnotice: () => {} });
    const held = await client`select 1 from pg_locks l join pg_database d on d.oid = l.database
      where l.locktype = 'advisory' and d.datname = current_database()`;
    await client.end();
    assert.equal(held.length, 0);
  });
});
