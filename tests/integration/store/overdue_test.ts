/** What is refused beside others of its kind, and what waits or runs for longer than it may. */
import assert from "node:assert/strict";
import { stopRun } from "../../../src/server/dispatch/cancel.ts";
import { startChild } from "../../../src/server/dispatch/children.ts";
import { type Started, startRun } from "../../../src/server/dispatch/start.ts";
import { readDirectives } from "../../../src/server/dispatch/directives.ts";
import { sweepLeases } from "../../../src/server/tick/leases.ts";
import { sweepOvertime, sweepQueue } from "../../../src/server/tick/overdue.ts";
import {
  addRunner,
  callerOf,
  claimOne,
  type DispatchBench,
  ONE_STEP,
  onEveryDatabase,
  queueRun,
  readRun,
  STARTED,
  SUCCEEDED,
  tell,
} from "../../support/dispatch.ts";

async function startOnly(bench: DispatchBench, needsSlot: boolean): Promise<Started> {
  return await startRun(bench.ports, {
    definition: { text: ONE_STEP, name: "one" },
    params: { kind: "none" },
    dagRunId: null,
    triggerType: "manual",
    triggerActor: "test",
    needsSlot,
    isSingleton: true,
    priority: needsSlot ? 5 : 1,
  });
}

const codeOf = (started: Started): string => started.ok ? "started" : started.code;

onEveryDatabase("QU-04 a singleton is refused while a run of its workflow is active", async (bench) => {
  const enqueued = await queueRun(bench, { needsSlot: true });
  // What only waits for its slot keeps nobody from starting, and is one too many for who enqueues.
  assert.equal(codeOf(await startOnly(bench, true)), "already_exists");
  const started = await startOnly(bench, false);
  assert.ok(started.ok);
  assert.equal(codeOf(await startOnly(bench, false)), "already_exists");
  const runner = await addRunner(bench);
  for (const run of [started, enqueued]) {
    const grant = await claimOne(bench, runner);
    assert.equal(grant.run.dagRunId, run.dagRunId);
    assert.equal(codeOf(await startOnly(bench, false)), "already_exists");
    await tell(bench, runner, grant, 1, [STARTED]);
    assert.equal(codeOf(await startOnly(bench, false)), "already_exists");
    await tell(bench, runner, grant, 2, [SUCCEEDED]);
  }
  assert.equal(codeOf(await startOnly(bench, true)), "started");
});

onEveryDatabase("QU-04 of singletons that are started at once there is one", async (bench) => {
  const all = await Promise.all(Array.from({ length: 8 }, () => startOnly(bench, false)));
  assert.deepEqual(all.map(codeOf).sort(), [...Array(7).fill("already_exists"), "started"]);
});

onEveryDatabase("QU-19 a run that waits for too long ends, and no other", async (bench) => {
  const old = await queueRun(bench, { needsSlot: true });
  await bench.time.advance(61_000);
  const young = await queueRun(bench, { needsSlot: true });
  await sweepQueue(bench.ports, bench.settings);
  assert.equal((await readRun(bench, old.id)).word, "queued");
  await sweepQueue(bench.ports, { ...bench.settings, queueTtlMs: 60_000 });
  const { word, reason } = await readRun(bench, old.id);
  assert.deepEqual([word, reason], ["aborted", "queue_ttl"]);
  assert.equal((await claimOne(bench, await addRunner(bench))).run.dagRunId, young.dagRunId);
});

for (
  const { id, root, beforeMs, limitMs } of [
    { id: "TO-02", root: "timeout_sec: 100\n", beforeMs: 159_000, limitMs: 100_000 },
    { id: "TO-03", root: "", beforeMs: 86_399_000, limitMs: 86_400_000 },
  ]
) {
  onEveryDatabase(`${id} a run that its runner does not stop in time is stopped`, async (bench) => {
    const run = await queueRun(bench, { definition: { text: root + ONE_STEP, name: "one" } });
    const runner = await addRunner(bench);
    const grant = await claimOne(bench, runner);
    await tell(bench, runner, grant, 1, [STARTED]);
    await bench.time.advance(beforeMs);
    await sweepOvertime(bench.ports, bench.settings);
    assert.equal((await readRun(bench, run.id)).cancelBy, null);
    await bench.time.advance(2_000);
    await Promise.all([1, 2].map(() => sweepOvertime(bench.ports, bench.settings)));
    const { word, cancelBy, cancelReason } = await readRun(bench, run.id);
    assert.deepEqual([word, cancelBy, cancelReason], ["running", "timeout", "timeout"]);
    const [directive] = await readDirectives(bench.ports.db, runner.id);
    assert.deepEqual([directive?.type, directive?.limitMs], ["cancel", limitMs]);
    // What its runner makes of it.
    const error = { code: "RUN_TIMEOUT" as const, message: "", remedy: "" };
    await tell(bench, runner, grant, 2, [{ type: "attempt.finished", data: { status: "failed", error } }]);
    const ended = await readRun(bench, run.id);
    assert.deepEqual([ended.word, ended.reason], ["failed", "timeout"]);
  });

  onEveryDatabase(`${id} LO-09 and ends without its runner when that does not answer`, async (bench) => {
    const run = await queueRun(bench, { definition: { text: root + ONE_STEP, name: "one" } });
    const runner = await addRunner(bench);
    await tell(bench, runner, await claimOne(bench, runner), 1, [STARTED]);
    await bench.time.advance(beforeMs + 2_000);
    await sweepOvertime(bench.ports, bench.settings);
    await sweepLeases(bench.ports, bench.settings);
    for (let minute = 0; minute < 10; minute++) {
      await bench.time.advance(30_000);
      await sweepLeases(bench.ports, bench.settings);
      await bench.time.advance(30_000);
      await sweepLeases(bench.ports, bench.settings);
    }
    const { word, reason } = await readRun(bench, run.id);
    assert.deepEqual([word, reason], ["aborted", "timeout"]);
  });
}

onEveryDatabase("M9 a run may have so many sub-runs, and so many of them at once", async (bench) => {
  const limited = { ...bench.settings, subRuns: { total: 3, open: 2 } };
  await queueRun(bench);
  const runner = await addRunner(bench);
  const grant = await claimOne(bench, runner);
  await tell(bench, runner, grant, 1, [STARTED]);
  const child = async (key: string): Promise<string> => {
    const answer = await startChild(bench.ports, limited, await callerOf(runner, grant), {
      fence: 1,
      key,
      step: "a",
      target: { kind: "text", name: "kid", yaml: ONE_STEP },
      params: { kind: "none" },
      mode: "enqueue",
      queue: null,
      workerSelector: {},
    });
    return answer.ok ? answer.reply.child.dagRunId : answer.message;
  };
  const [first, second] = [await child("a"), await child("b")];
  assert.match(await child("c"), /^2 runs below the outermost one have not ended/);
  assert.equal(await child("a"), first);
  for (const dagRunId of [first, second]) {
    assert.ok((await stopRun(bench.ports, limited, { name: "kid", dagRunId }, "me", false)).ok);
  }
  const third = await child("c");
  assert.ok((await stopRun(bench.ports, limited, { name: "kid", dagRunId: third }, "me", false)).ok);
  assert.match(await child("d"), /^3 runs are below the outermost one/);
});
