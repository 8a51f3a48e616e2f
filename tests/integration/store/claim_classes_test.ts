/** Runs are walked class by class; what a claim takes must not show it. */
import assert from "node:assert/strict";
import { sql } from "drizzle-orm";
import { query } from "../../../src/server/store/query.ts";
import { addRunner, claimNow, onEveryDatabase, queueRun } from "../../support/dispatch.ts";

onEveryDatabase("QU-13 runs of different queues and selectors go by priority, then by age", async (bench) => {
  const wanted: string[] = [];
  const changes = [
    { priority: 1, queue: "b", needsSlot: true },
    { priority: 1, selector: { zone: "a" } },
    { priority: 2 },
    { priority: 2, queue: "a", needsSlot: true },
    { priority: 3, selector: { zone: "a", gpu: "1" } },
    { priority: 3 },
  ];
  for (const change of changes) {
    wanted.push((await queueRun(bench, change)).dagRunId);
    await bench.time.advance(10);
  }
  const labels = { zone: "a", gpu: "1" };
  const runner = await addRunner(bench);
  const taken: string[] = [];
  for (const free of [4, 2]) {
    const { attempts } = await claimNow(bench, runner, { free, labels });
    taken.push(...attempts.map((grant) => grant.run.dagRunId));
  }
  assert.deepEqual(taken, wanted);
});

onEveryDatabase("INV-12 a run is found behind those of full queues and for others", async (bench) => {
  for (let n = 0; n < 30; n++) {
    await queueRun(bench, { priority: 0, selector: { zone: `z${n % 3}` } });
    await queueRun(bench, { priority: 0, queue: `q${n % 3}`, needsSlot: true });
    await queueRun(bench, { priority: 0, trust: "untrusted" });
  }
  const last = await queueRun(bench, { priority: 5 });
  const runner = await addRunner(bench);
  // One slot each of the three queues, then the one behind.
  const { attempts } = await claimNow(bench, runner, { free: 10 });
  assert.deepEqual(attempts.map((grant) => grant.run.queue), ["q0", "q1", "q2", "one"]);
  assert.equal(attempts.at(-1)?.run.dagRunId, last.dagRunId);
});

onEveryDatabase(
  "CL-01 runs are of one class when the same runners and slots are open to them",
  async (bench) => {
    await queueRun(bench, { queue: "a" });
    await queueRun(bench, { queue: "b" });
    await queueRun(bench, { queue: "a", needsSlot: true });
    await queueRun(bench, { queue: "b", needsSlot: true });
    await queueRun(bench, { selector: { x: "1", y: "2" } });
    await queueRun(bench, { selector: { y: "2", x: "1" } });
    await queueRun(bench, { trust: "untrusted" });
    const rows = await query<{ n: number }>(
      bench.ports.db,
      sql`select count(*)::int as n from run_queue group by class order by n`,
    );
    assert.deepEqual(rows.map((row) => row.n), [1, 1, 1, 2, 2]);
  },
);
