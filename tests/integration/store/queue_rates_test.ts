/** How often runs may be claimed from a queue. */
import assert from "node:assert/strict";
import { deleteQueue, listQueues, saveQueue } from "../../../src/server/store/queue-settings.ts";
import {
  addRunner,
  claimNow,
  type DispatchBench,
  onEveryDatabase,
  queueRun,
} from "../../support/dispatch.ts";

const RATE = { limit: 2, periodSec: 60 };

async function openRated(bench: DispatchBench, runs: number): Promise<(free: number) => Promise<string[]>> {
  await saveQueue(bench.ports.db, "slow", { maxConcurrency: 50, rateLimit: RATE }, new Date());
  for (let n = 0; n < runs; n++) await queueRun(bench, { needsSlot: true, queue: "slow" });
  const runner = await addRunner(bench);
  return async (free) => {
    const { attempts } = await claimNow(bench, runner, { free });
    return attempts.map(({ run }) => run.queue);
  };
}

onEveryDatabase("QU-17 a queue gives so many runs in a period, whenever that begins", async (bench) => {
  const claim = await openRated(bench, 6);
  const { time } = bench;
  assert.deepEqual(await claim(1), ["slow"]);
  await time.advance(30_000);
  assert.deepEqual(await claim(5), ["slow"]);
  await time.advance(29_000);
  assert.deepEqual(await claim(5), []);
  // The first is a period ago, the second is not.
  await time.advance(1_001);
  assert.deepEqual(await claim(5), ["slow"]);
  await time.advance(60_001);
  assert.deepEqual(await claim(5), ["slow", "slow"]);
});

onEveryDatabase("QU-17 a queue over its rate holds up no other, nor what needs no slot", async (bench) => {
  const claim = await openRated(bench, 3);
  await queueRun(bench, { needsSlot: true, queue: "other" });
  await queueRun(bench, { queue: "slow", priority: 9 });
  assert.deepEqual((await claim(9)).toSorted(), ["other", "slow", "slow", "slow"]);
  assert.deepEqual(await claim(9), []);
});

onEveryDatabase("QU-17 claims at once are together within the rate", async (bench) => {
  const claim = await openRated(bench, 9);
  const taken = await Promise.all(Array.from({ length: 6 }, () => claim(2)));
  assert.equal(taken.flat().length, 2);
});

onEveryDatabase(
  "AP-93 QU-17 a rate is set, kept by other changes, shown, and taken away",
  async ({ ports }) => {
    const change = async (what: Parameters<typeof saveQueue>[2]): Promise<unknown> => {
      await saveQueue(ports.db, "slow", what, new Date());
      return (await listQueues(ports.db, "slow"))[0]?.rateLimit;
    };
    assert.deepEqual(await change({ rateLimit: RATE }), RATE);
    assert.deepEqual(await change({ paused: true }), RATE);
    assert.equal(await change({ rateLimit: null }), null);
    assert.ok(await deleteQueue(ports.db, "slow"));
  },
);
