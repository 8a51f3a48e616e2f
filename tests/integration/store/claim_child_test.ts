/** Sub-runs that whoever waits for them takes itself. */
import assert from "node:assert/strict";
import type { Grant } from "../../../src/protocol/grant.ts";
import { startChild } from "../../../src/server/dispatch/children.ts";
import { claimChild } from "../../../src/server/dispatch/claim-child.ts";
import { holdRunner, type RunnerRow } from "../../../src/server/store/runners.ts";
import {
  addRunner,
  callerOf,
  claimNow,
  claimOne,
  type DispatchBench,
  ONE_STEP,
  onEveryDatabase,
  queueRun,
  STARTED,
  tell,
} from "../../support/dispatch.ts";

/** The run id of a child that asks for a runner in that zone. */
async function startKid(
  bench: DispatchBench,
  runner: RunnerRow,
  grant: Grant,
  zone: string,
): Promise<string> {
  const answer = await startChild(bench.ports, bench.settings, await callerOf(runner, grant), {
    fence: grant.fence,
    key: `a/${zone}`,
    step: "a",
    target: { kind: "text", name: "kid", yaml: ONE_STEP },
    params: { kind: "none" },
    mode: "run",
    queue: null,
    workerSelector: { zone },
  });
  assert.ok(answer.ok && answer.reply.grant === null, "it is for whoever claims it");
  return answer.reply.child.dagRunId;
}

onEveryDatabase(
  "M9 RS-02 a runner that takes nothing any more takes the sub-run that it waits for, if that is for it",
  async (bench) => {
    const { ports, settings } = bench;
    await queueRun(bench);
    const runner = await addRunner(bench, { zone: "far" });
    const grant = await claimOne(bench, runner);
    await tell(bench, runner, grant, 1, [STARTED]);
    const [own, others] = [
      await startKid(bench, runner, grant, "far"),
      await startKid(bench, runner, grant, "near"),
    ];
    await holdRunner(ports.db, runner.id, true);
    assert.deepEqual((await claimNow(bench, runner, { free: 2 })).attempts, []);
    const take = async (dagRunId: string, claimId = ports.ids.uuid()): Promise<string | null> => {
      const who = { caller: await callerOf(runner, grant), runner };
      const request = { fence: grant.fence, claimId, labels: { zone: "near" } };
      const answer = await claimChild(ports, settings, who, dagRunId, request);
      assert.ok(answer.ok, answer.ok ? "" : answer.message);
      return answer.reply.grant?.attemptId ?? null;
    };
    const claimId = ports.ids.uuid();
    const attempts = await Promise.all([take(own, claimId), take(own, claimId)]);
    assert.ok(attempts[0] !== null);
    assert.equal(attempts[1], attempts[0]);
    assert.equal(await take(own), null);
    // What its registration fixed wins over what it says of itself.
    assert.equal(await take(others), null);
    assert.equal(await take("nothing"), null);
  },
);

onEveryDatabase("INV-04 M9 nobody takes a sub-run of a run that is not its any more", async (bench) => {
  await queueRun(bench);
  const runner = await addRunner(bench, { zone: "far" });
  const grant = await claimOne(bench, runner);
  await tell(bench, runner, grant, 1, [STARTED]);
  const kid = await startKid(bench, runner, grant, "far");
  await tell(bench, runner, grant, 2, [{ type: "attempt.finished", data: { status: "failed" } }]);
  const who = { caller: await callerOf(runner, grant), runner };
  const request = { fence: grant.fence, claimId: bench.ports.ids.uuid(), labels: {} };
  const answer = await claimChild(bench.ports, bench.settings, who, kid, request);
  assert.equal(!answer.ok && answer.code, "fenced");
});
