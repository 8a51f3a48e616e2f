/** To whom a run goes that a runner was given and did not begin (RT-08). */
import assert from "node:assert/strict";
import { declineAttempt } from "../../../src/server/dispatch/leave.ts";
import { holdRunner } from "../../../src/server/store/runners.ts";
import { sweepLeases } from "../../../src/server/tick/leases.ts";
import {
  addRunner,
  callerOf,
  claimNow,
  claimOne,
  type DispatchBench,
  onEveryDatabase,
  queueRun,
  readRun,
} from "../../support/dispatch.ts";

/** Time as it passes while the control plane is up: a sweep every ten seconds. */
async function stayUp(bench: DispatchBench, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 10_000) {
    await bench.time.advance(10_000);
    await sweepLeases(bench.ports, bench.settings);
  }
}

onEveryDatabase(
  "RT-08 a run that a runner did not start goes to another one, if there is one",
  async (bench) => {
    await sweepLeases(bench.ports, bench.settings);
    const run = await queueRun(bench);
    const [stuck, other] = [await addRunner(bench), await addRunner(bench)];
    await claimOne(bench, stuck);
    await claimNow(bench, other, { free: 0 });
    await stayUp(bench, 60_000);
    await claimNow(bench, other, { free: 0 });
    await stayUp(bench, 10_000);
    assert.equal((await readRun(bench, run.id)).word, "queued");
    await bench.time.advance(2_000);
    assert.deepEqual((await claimNow(bench, stuck)).attempts, []);
    assert.equal((await claimOne(bench, other)).fence, 2);
  },
);

for (const [when, ms] of [["later", 11_000], ["after the clock was set back", -3_600_000]] as const) {
  onEveryDatabase(`CL-06 what a runner does not hold goes back when it asks again ${when}`, async (bench) => {
    await queueRun(bench);
    const runner = await addRunner(bench);
    await claimOne(bench, runner);
    await claimNow(bench, runner);
    await bench.time.advance(ms);
    assert.deepEqual((await claimNow(bench, runner)).attempts, [], "it goes back first");
    await bench.time.advance(5_000);
    assert.equal((await claimOne(bench, runner)).fence, 2);
  });
}

onEveryDatabase("RT-08 INV-12 a runner that is held takes nothing, and is not waited for", async (bench) => {
  await queueRun(bench);
  const [runner, held] = [await addRunner(bench), await addRunner(bench)];
  const grant = await claimOne(bench, runner);
  await claimNow(bench, held, { free: 0 });
  const declined = { fence: grant.fence, reason: "resource_shortage" as const };
  await declineAttempt(bench.ports, await callerOf(runner, grant), declined);
  await bench.time.advance(2_000);
  assert.deepEqual((await claimNow(bench, runner)).attempts, [], "the other one may take it");
  await holdRunner(bench.ports.db, held.id, true);
  assert.equal((await claimOne(bench, runner)).fence, 2);
});

for (
  const [name, trust, selector, labels] of [
    ["does not accept forks", "untrusted", {}, {}],
    ["is for others", "trusted", {}, { "!gpu": "*" }],
    ["lacks a label", "trusted", { zone: "a" }, { zone: "b" }],
  ] as const
) {
  onEveryDatabase(`RT-08 INV-12 a runner that ${name} is no other one to wait for`, async (bench) => {
    await sweepLeases(bench.ports, bench.settings);
    const run = await queueRun(bench, { trust, selector });
    const mine = { labels: { ...selector, "accept-untrusted": "true" } };
    const [runner, other] = [await addRunner(bench, mine.labels), await addRunner(bench, labels)];
    const [grant] = (await claimNow(bench, runner, mine)).attempts;
    assert.ok(grant);
    await claimNow(bench, other, { free: 0 });
    const declined = { fence: grant.fence, reason: "resource_shortage" as const };
    await declineAttempt(bench.ports, await callerOf(runner, grant), declined);
    await bench.time.advance(2_000);
    await claimNow(bench, other, { free: 0 });
    const [again] = (await claimNow(bench, runner, mine)).attempts;
    assert.equal(again?.run.dagRunId, run.dagRunId);
  });
}
