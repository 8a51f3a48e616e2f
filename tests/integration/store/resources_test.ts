/** What runs need and runners have left (M3): `resources.limits` decide who takes a run, when a runner counts them. */
import assert from "node:assert/strict";
import { declineAttempt } from "../../../src/server/dispatch/leave.ts";
import { NO_NEEDS } from "../../../src/protocol/resources.ts";
import {
  addRunner,
  callerOf,
  claimNow,
  claimOne,
  type DispatchBench,
  onEveryDatabase,
  queueRun,
} from "../../support/dispatch.ts";

const GIB = 2 ** 30;

async function queueBig(bench: DispatchBench, cpu: string, memory: string): Promise<string> {
  const text = `resources: {limits: {cpu: "${cpu}", memory: ${memory}}}\nsteps: [{id: a, run: "true"}]\n`;
  await bench.time.advance(1_000);
  return (await queueRun(bench, { definition: { text, name: "big" } })).dagRunId;
}

onEveryDatabase(
  "M3 a run goes to a runner that has left what it needs, and to one that does not count",
  async (bench) => {
    const [small, large] = [await addRunner(bench), await addRunner(bench)];
    const big = await queueBig(bench, "2", "4Gi");
    assert.deepEqual((await claimNow(bench, small, { resources: { cpu: 1.9 } })).attempts, []);
    assert.deepEqual(
      (await claimNow(bench, small, { resources: { cpu: 8, memoryBytes: 4 * GIB - 1 } })).attempts,
      [],
    );
    const [grant] = (await claimNow(bench, large, { resources: { cpu: 2, memoryBytes: 4 * GIB } })).attempts;
    assert.equal(grant?.run.dagRunId, big);
    assert.deepEqual(grant?.run.needs, { cpu: 2, memoryBytes: 4 * GIB });
    const other = await queueBig(bench, "64", "1Ti");
    assert.equal((await claimOne(bench, small)).run.dagRunId, other);
  },
);

onEveryDatabase("M3 runs of one claim fit together; what has no limits needs nothing", async (bench) => {
  const runner = await addRunner(bench);
  const first = await queueBig(bench, "0.9", "3Gi");
  await queueBig(bench, "0.5", "1Gi");
  const third = await queueBig(bench, "0.1", "1Gi");
  const plain = await queueRun(bench);
  const resources = { cpu: 1, memoryBytes: 4 * GIB };
  const { attempts } = await claimNow(bench, runner, { free: 8, resources });
  assert.deepEqual(attempts.map(({ run }) => run.dagRunId), [first, third, plain.dagRunId]);
  assert.deepEqual(attempts[2]?.run.needs, NO_NEEDS);
});

onEveryDatabase(
  "M3 room behind what does not fit beside the first is used by the same claim",
  async (bench) => {
    const runner = await addRunner(bench);
    const [first, , third] = [
      await queueBig(bench, "2", "1Gi"),
      await queueBig(bench, "2", "1Gi"),
      await queueBig(bench, "1", "1Gi"),
    ];
    const { attempts } = await claimNow(bench, runner, { free: 2, resources: { cpu: 3 } });
    assert.deepEqual(attempts.map(({ run }) => run.dagRunId), [first, third]);
  },
);

onEveryDatabase(
  "M3 RT-08 a run that was given back needs what it needed, and waits for no runner without room",
  async (bench) => {
    const [runner, other] = [await addRunner(bench), await addRunner(bench)];
    const big = await queueBig(bench, "2", "1Gi");
    await claimNow(bench, other, { free: 0, resources: { cpu: 1 } });
    const grant = await claimOne(bench, runner);
    const declined = { fence: grant.fence, reason: "resource_shortage" as const };
    await declineAttempt(bench.ports, await callerOf(runner, grant), declined);
    await bench.time.advance(2_000);
    assert.deepEqual((await claimNow(bench, other, { resources: { cpu: 1 } })).attempts, []);
    assert.deepEqual((await claimNow(bench, runner, { resources: { cpu: 1 } })).attempts, []);
    const [again] = (await claimNow(bench, runner, { resources: { cpu: 2 } })).attempts;
    assert.equal(again?.run.dagRunId, big);
  },
);

onEveryDatabase("M3 exclude: a run that the runner does not want goes to another", async (bench) => {
  const [runner, other] = [await addRunner(bench), await addRunner(bench)];
  const [unwanted, wanted] = [await queueRun(bench), await queueRun(bench)];
  const { attempts } = await claimNow(bench, runner, { free: 8, exclude: [unwanted.id] });
  assert.deepEqual(attempts.map(({ run }) => run.dagRunId), [wanted.dagRunId]);
  assert.equal((await claimOne(bench, other)).run.dagRunId, unwanted.dagRunId);
});
