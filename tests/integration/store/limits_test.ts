/** Transactions that stand in each other's way, on the real Postgres (PG-06, CL-12). */
import assert from "node:assert/strict";
import postgres from "postgres";
import type { Clock } from "../../../src/run/ports.ts";
import { systemClock } from "../../../src/runner/clock.ts";
import { stopRun } from "../../../src/server/dispatch/cancel.ts";
import { isBusy, isConnectionLost } from "../../../src/server/store/failure.ts";
import { POOL_OPTIONS, withSafeTransactions } from "../../../src/server/store/pool.ts";
import { addRunner, claimNow, queueRun, readRun } from "../../support/dispatch.ts";
import { openTestDatabase } from "../../support/database.ts";
import { newFakeClock } from "../../support/fake-clock.ts";
import { newTestPorts, TEST_SETTINGS } from "../../support/server.ts";

async function openBench() {
  const database = await openTestDatabase("postgres");
  const time = newFakeClock();
  const bench = { ports: newTestPorts(database.db, time.clock), settings: TEST_SETTINGS, time };
  const other = postgres(database.url ?? "", { max: 2, onnotice: () => {} });
  const client = postgres(database.url ?? "", { ...POOL_OPTIONS, max: 4 });
  return {
    bench,
    other,
    /** As the product opens it. */
    safe: (clock: Pick<Clock, "sleep" | "mono">) =>
      withSafeTransactions(client, { clock, random: Math.random }),
    [Symbol.asyncDispose]: async () => {
      await Promise.all([other.end({ timeout: 1 }), client.end({ timeout: 1 })]);
      await database[Symbol.asyncDispose]();
    },
  };
}

Deno.test("PG-06 who waits for a lock for too long is told so, and what it wanted is not half done", async () => {
  await using on = await openBench();
  const run = await queueRun(on.bench);
  await on.other.begin(async (held) => {
    await held`select 1 from runs where id = ${run.id} for update`;
    await assert.rejects(stopRun(on.bench.ports, on.bench.settings, run, "test", false), isBusy);
  });
  assert.equal((await readRun(on.bench, run.id)).word, "queued");
  const stopped = await stopRun(on.bench.ports, on.bench.settings, run, "test", false);
  assert.deepEqual([stopped, (await readRun(on.bench, run.id)).word], [{ ok: true }, "aborted"]);
});

Deno.test("PG-06 a deadlock ends by itself: the one that gave way is tried again", async () => {
  await using on = await openBench();
  let pauses = 0;
  const clock = {
    ...systemClock(),
    sleep: (ms: number) => {
      pauses++;
      return systemClock().sleep(ms);
    },
  };
  const sql = on.safe(clock);
  await sql`create table two (id int primary key, n int not null)`;
  await sql`insert into two values (1, 0), (2, 0)`;
  const both = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const cross = (own: number, others: number): Promise<unknown> =>
    sql.begin(async (tx) => {
      await tx`update two set n = n + 1 where id = ${own}`;
      both[own - 1]?.resolve();
      await both[others - 1]?.promise;
      await tx`update two set n = n + 1 where id = ${others}`;
    });
  await Promise.all([cross(1, 2), cross(2, 1)]);
  const rows = await sql`select n from two order by id`;
  assert.deepEqual(rows.map((row) => row["n"]), [2, 2]);
  assert.ok(pauses > 0, "nobody gave way");
});

Deno.test("PG-06 a process that stands still in a transaction holds up others for seconds only", async () => {
  await using on = await openBench();
  const sql = on.safe(systemClock());
  const run = await queueRun(on.bench);
  const frozen = Promise.withResolvers<void>();
  const held = Promise.withResolvers<void>();
  const standing = assert.rejects(
    sql.begin(async (tx) => {
      await tx`select 1 from runs where id = ${run.id} for update`;
      held.resolve();
      await frozen.promise;
      await tx`select 1`;
    }),
    isConnectionLost,
  );
  await held.promise;
  // Asks on its own connection, which waits for as long as it takes.
  await on.other`update runs set priority = 2 where id = ${run.id}`;
  frozen.resolve();
  await standing;
});

Deno.test("CL-12 a claim that others keep from its rows is answered with nothing", async () => {
  await using on = await openBench();
  const runner = await addRunner(on.bench);
  const run = await queueRun(on.bench);
  const claimId = on.bench.ports.ids.uuid();
  await on.other.begin(async (held) => {
    await held`select pg_advisory_xact_lock(hashtextextended(${claimId}, 0))`;
    assert.deepEqual((await claimNow(on.bench, runner, { claimId })).attempts, []);
  });
  const { attempts } = await claimNow(on.bench, runner, { claimId });
  assert.deepEqual(attempts.map((grant) => grant.run.dagRunId), [run.dagRunId]);
});
