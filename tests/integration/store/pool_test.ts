/** The driver's pool on a line to the real Postgres that is cut again and again. */
import assert from "node:assert/strict";
import { drizzle } from "drizzle-orm/postgres-js";
import postgres from "postgres";
import { POOL_OPTIONS, withSafeTransactions } from "../../../src/server/store/pool.ts";
import { systemClock } from "../../../src/runner/clock.ts";
import { isAway } from "../../../src/server/store/failure.ts";
import { openTestDatabase } from "../../support/database.ts";
import { freePort } from "../../support/dagu.ts";
import { openSocketLine } from "../../support/socket-line.ts";

const CUTS = 25;
const WORKERS = 12;
/** Many times what the driver's longest pauses add up to. */
const PATIENCE_MS = 60_000;

Deno.test("RS-03 a pool whose connections are cut in the middle of transactions goes on, and no transaction is half", async () => {
  await using database = await openTestDatabase("postgres");
  const url = new URL(database.url ?? "");
  const port = freePort();
  await using line = openSocketLine(port, Number(url.port));
  url.port = String(port);
  const client = postgres(url.href, { ...POOL_OPTIONS, max: 4 });
  // Also when a call hangs: the test is to fail then, not to wait.
  await using _ended = { [Symbol.asyncDispose]: () => client.end({ timeout: 1 }) };
  const sql = withSafeTransactions(client, { clock: systemClock(), random: Math.random });
  await sql`create table pairs (left_side int not null, right_side int not null)`;
  await sql`insert into pairs values (0, 0)`;
  const tally = { good: 0, lost: 0 };
  const over = new AbortController();

  /** Both sides by one, with time between them for the line to go. */
  const pair = async (): Promise<void> => {
    await sql.begin(async (transaction) => {
      await transaction`update pairs set left_side = left_side + 1`;
      await pass(Math.random() * 4);
      await transaction`update pairs set right_side = right_side + 1`;
    });
  };
  const look = async (): Promise<void> => {
    const [row] = await sql`select left_side, right_side from pairs`;
    assert.equal(row?.["left_side"], row?.["right_side"]);
  };
  const workers = Array.from({ length: WORKERS }, async (_, index) => {
    while (!over.signal.aborted) {
      try {
        await (index % 2 === 0 ? pair() : look());
        tally.good++;
      } catch (error) {
        assert.ok(!(error instanceof assert.AssertionError), String(error));
        tally.lost++;
        await pass(2);
      }
    }
  });
  for (let cut = 0; cut < CUTS; cut++) {
    await pass(Math.random() * 80);
    await line.cut();
    await pass(Math.random() * 40);
    line.mend();
  }
  over.abort();
  await within(PATIENCE_MS, Promise.all(workers), `a call never ended: ${JSON.stringify(tally)}`);
  await look();
  assert.ok(tally.lost > 0 && tally.good > 0, JSON.stringify(tally));
});

Deno.test("RS-03 PG-06 while no connection comes up everybody is refused at once, but for one who looks now and then", async () => {
  await using database = await openTestDatabase("postgres");
  const url = new URL(database.url ?? "");
  const port = freePort();
  await using line = openSocketLine(port, Number(url.port));
  url.port = String(port);
  const client = postgres(url.href, { ...POOL_OPTIONS, max: 2, backoff: () => 0 });
  await using _ended = { [Symbol.asyncDispose]: () => client.end({ timeout: 1 }) };
  let now = 0;
  const clock = { ...systemClock(), mono: () => now };
  const db = drizzle(withSafeTransactions(client, { clock, random: Math.random }));
  const codeOf = (error: Error & { code?: unknown }): unknown =>
    error.code ?? (error.cause as typeof error)?.code;
  const ask = (): Promise<unknown> => db.execute("select 1").then(() => "answered", codeOf);
  const begin = (): Promise<unknown> =>
    db.transaction((tx) => tx.execute("select 1")).then(() => "answered", codeOf);
  assert.equal(await ask(), "answered");
  await line.cut();
  // What was on its way is lost first.
  while (await ask() !== "ECONNREFUSED");

  line.mend();
  // It is back, but the clock has not moved: nobody looks yet, and nobody waits.
  for (const asked of [ask, begin]) assert.equal(await asked(), "ECONNREFUSED");
  now += 500;
  assert.equal(await ask(), "answered");
  for (const asked of [ask, begin]) assert.equal(await asked(), "answered");
});

Deno.test("RS-03 a database that takes no writes for a while keeps no connection of the pool", async () => {
  await using database = await openTestDatabase("postgres");
  const client = postgres(database.url ?? "", { ...POOL_OPTIONS, max: 2 });
  await using _ended = { [Symbol.asyncDispose]: () => client.end({ timeout: 1 }) };
  const sql = withSafeTransactions(client, { clock: systemClock(), random: Math.random });
  await sql`create table notes (text text not null)`;
  const write = (): Promise<unknown> =>
    sql.begin(async (transaction) => {
      // As on a database that has become a copy of another one.
      await transaction`set transaction read only`;
      await transaction`insert into notes values ('x')`;
    });
  for (let n = 0; n < 3; n++) {
    await assert.rejects(within(PATIENCE_MS, write(), "no connection is left to write"), isAway);
  }
  const [row] = await within(PATIENCE_MS, sql`select 1 as one`, "no connection is left to read");
  assert.equal(row?.["one"], 1);
});

async function within<T>(ms: number, work: Promise<T>, otherwise: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => timer = setTimeout(() => reject(new Error(otherwise)), ms));
  return await Promise.race([work, late]).finally(() => clearTimeout(timer));
}

function pass(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
