import assert from "node:assert/strict";
import type { Grant } from "../../../src/protocol/grant.ts";
import type { RunEventBody } from "../../../src/run/event.ts";
import { stopRun } from "../../../src/server/dispatch/cancel.ts";
import { startChild } from "../../../src/server/dispatch/children.ts";
import { heartbeat } from "../../../src/server/dispatch/lease.ts";
import { revokeRunner } from "../../../src/server/dispatch/leave.ts";
import { getRun } from "../../../src/server/store/runs.ts";
import type { RunnerRow } from "../../../src/server/store/runners.ts";
import { listSteps } from "../../../src/server/store/steps.ts";
import { suspendWorkflow } from "../../../src/server/store/workflows.ts";
import { publish } from "../../../src/server/definitions/publish.ts";
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
  STARTED,
  SUCCEEDED,
  tell,
} from "../../support/dispatch.ts";

const TICK_MS = 10_000;
const LEASE_AND_GRACE_MS = 300_000;
const TWO_STEPS = `
on_lost: retry
steps:
  - {id: a, run: "true"}
  - {id: b, depends: a, run: "true"}
`;

async function stayUp(bench: DispatchBench, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= TICK_MS) {
    await bench.time.advance(Math.min(left, TICK_MS));
    await sweepLeases(bench.ports, bench.settings);
  }
}

function begun(step: string): RunEventBody {
  return { type: "step.started", step, data: { retry: 0 } };
}

function done(step: string): RunEventBody {
  const logs = { stdout: 0, stderr: 0 };
  return { type: "step.finished", step, data: { status: "succeeded", exitCode: 0, logs } };
}

/** The first step is done, the second under way. */
async function openHalfDone(bench: DispatchBench, text = TWO_STEPS) {
  await sweepLeases(bench.ports, bench.settings);
  const run = await queueRun(bench, { definition: { text, name: "two" }, needsSlot: true });
  const runner = await addRunner(bench);
  const grant = await claimOne(bench, runner);
  assert.ok((await tell(bench, runner, grant, 1, [STARTED, begun("a"), done("a"), begun("b")])).ok);
  return { run, runner, grant };
}

onEveryDatabase("RT-09 AT-04 a lost run goes on with another runner, from its last state", async (bench) => {
  const { run, runner, grant } = await openHalfDone(bench);
  assert.deepEqual([grant.leaseMs, grant.graceMs], [60_000, 240_000], "the patience that asks for it");
  await stayUp(bench, LEASE_AND_GRACE_MS);
  assert.equal((await readRun(bench, run.id)).word, "running");
  await stayUp(bench, TICK_MS);
  const queued = await readRun(bench, run.id);
  assert.deepEqual([queued.word, queued.autoRetries, queued.failure], ["queued", 1, null]);
  assert.deepEqual(queued.notes, ["attempt 1 was lost with its runner; the run goes on with another"]);

  const other = await addRunner(bench);
  const next = await claimOne(bench, other);
  assert.equal(next.fence, 2);
  assert.deepEqual(next.resume?.map(({ name, status }) => [name, status]), [
    ["a", "succeeded"],
    ["b", "not_started"],
  ]);
  const late = await tell(bench, runner, grant, 5, [done("b"), SUCCEEDED]);
  assert.equal(!late.ok && late.code, "fenced", "INV-04 the lost runner changes nothing any more");
  assert.ok((await tell(bench, other, next, 1, [STARTED, begun("b"), done("b"), SUCCEEDED])).ok);
  assert.equal((await readRun(bench, run.id)).word, "succeeded");
});

onEveryDatabase("LO-02 while lease and grace last, a runner that comes back keeps its run", async (bench) => {
  const { run, runner, grant } = await openHalfDone(bench);
  await stayUp(bench, LEASE_AND_GRACE_MS - TICK_MS);
  assert.deepEqual((await claimNow(bench, await addRunner(bench))).attempts, []);
  const { attempts } = await heartbeat(bench.ports, bench.settings, runner, {
    state: "active",
    free: 0,
    spoolBytes: 0,
    version: "test",
    attempts: [{ attemptId: grant.attemptId, fence: 1, lastSeq: 4, ackSeq: 4 }],
    ackDirectives: [],
  });
  assert.deepEqual(attempts.map(({ status, graceMs }) => [status, graceMs]), [["ok", 240_000]]);
  await stayUp(bench, LEASE_AND_GRACE_MS - TICK_MS);
  assert.equal((await readRun(bench, run.id)).word, "running");
});

onEveryDatabase("RT-09 a run that says nothing waits for its runner, and is not given on", async (bench) => {
  const { run, grant } = await openHalfDone(bench, TWO_STEPS.replace("retry", "fail"));
  assert.equal(grant.graceMs, bench.settings.runner.graceMs);
  await stayUp(bench, 2 * LEASE_AND_GRACE_MS);
  assert.equal((await readRun(bench, run.id)).word, "running");
});

onEveryDatabase("INV-22 a run is given on three times, then it has failed", async (bench) => {
  const { run } = await openHalfDone(bench);
  for (let fence = 2; fence <= 4; fence++) {
    await stayUp(bench, LEASE_AND_GRACE_MS + TICK_MS);
    const runner = await addRunner(bench);
    const grant = await claimOne(bench, runner);
    assert.equal(grant.fence, fence);
    await tell(bench, runner, grant, 1, [STARTED, begun("b")]);
  }
  await stayUp(bench, LEASE_AND_GRACE_MS + TICK_MS);
  const ended = await readRun(bench, run.id);
  assert.deepEqual([ended.word, ended.reason, ended.autoRetries], ["failed", "runner_lost", 3]);
  assert.equal((await listSteps(bench.ports.db, run.id)).find(({ name }) => name === "b")?.status, "failed");
});

onEveryDatabase("RT-09 what the workflow limits is limited: retries for any reason count", async (bench) => {
  const text = `${TWO_STEPS}retry_policy: {limit: 1, interval_sec: 1}\n`;
  const { run } = await openHalfDone(bench, text);
  await stayUp(bench, LEASE_AND_GRACE_MS + TICK_MS);
  const runner = await addRunner(bench);
  await tell(bench, runner, await claimOne(bench, runner), 1, [STARTED]);
  await stayUp(bench, LEASE_AND_GRACE_MS + TICK_MS);
  assert.equal((await readRun(bench, run.id)).reason, "runner_lost");
});

for (const code of ["LEASE_LOST", "RUNNER_RESTARTED"] as const) {
  onEveryDatabase(`LO-07 a runner that tells ${code} itself has its run given on at once`, async (bench) => {
    const { run, runner, grant } = await openHalfDone(bench);
    const error = { code, message: "", remedy: "" };
    await tell(bench, runner, grant, 5, [{ type: "attempt.finished", data: { status: "failed", error } }]);
    assert.equal((await readRun(bench, run.id)).word, "queued");
    assert.equal((await claimOne(bench, runner)).fence, 2);
  });
}

onEveryDatabase("RT-09 a step that failed is no loss", async (bench) => {
  const { run, runner, grant } = await openHalfDone(bench);
  await tell(bench, runner, grant, 5, [{ type: "attempt.finished", data: { status: "failed" } }]);
  assert.equal((await readRun(bench, run.id)).word, "failed");
});

onEveryDatabase("CN-04 a run that is to be stopped is not given on", async (bench) => {
  const { run } = await openHalfDone(bench);
  assert.ok((await stopRun(bench.ports, bench.settings, run, "me", false)).ok);
  await stayUp(bench, 2 * LEASE_AND_GRACE_MS);
  assert.equal((await readRun(bench, run.id)).word, "aborted");
});

onEveryDatabase("RT-05 runs of a suspended workflow are not given on", async (bench) => {
  const saved = await publish(bench.ports, "two", TWO_STEPS, { author: "test", refuseProblems: true });
  assert.ok(saved.ok);
  await sweepLeases(bench.ports, bench.settings);
  const run = await queueRun(bench, { definition: { fileName: "two" } });
  const runner = await addRunner(bench);
  await tell(bench, runner, await claimOne(bench, runner), 1, [STARTED]);
  await suspendWorkflow(bench.ports.db, "two", true, new Date(bench.time.clock.now()));
  await stayUp(bench, LEASE_AND_GRACE_MS + TICK_MS);
  assert.equal((await readRun(bench, run.id)).reason, "runner_lost");
});

onEveryDatabase(
  "RS-05 what a revoked runner executed goes on elsewhere when its lease has stopped it there",
  async (bench) => {
    const { run, runner } = await openHalfDone(bench);
    await revokeRunner(bench.ports, bench.settings, runner, "me");
    assert.equal((await readRun(bench, run.id)).word, "queued");
    const other = await addRunner(bench);
    await bench.time.advance(LEASE_AND_GRACE_MS - 1_000);
    assert.deepEqual((await claimNow(bench, other)).attempts, []);
    await bench.time.advance(1_000);
    assert.equal((await claimOne(bench, other)).fence, 2);
  },
);

onEveryDatabase("RT-09 a sub-run has its parent's patience and is given on like it", async (bench) => {
  const { runner, grant } = await openHalfDone(bench);
  const answer = await startChild(bench.ports, bench.settings, await callerOf(runner, grant), {
    fence: 1,
    key: "b/0",
    step: "b",
    mode: "run",
    target: { kind: "text", name: "child", yaml: 'steps: [{id: a, run: "true"}]' },
    params: { kind: "none" },
    workerSelector: {},
    queue: null,
  });
  assert.ok(answer.ok);
  const child = answer.reply.grant;
  assert.ok(child, "its parent's runner executes it");
  assert.equal(child.graceMs, 240_000);
  await tell(bench, runner, child, 1, [STARTED]);
  await stayUp(bench, LEASE_AND_GRACE_MS + TICK_MS);
  const row = await getRun(bench.ports.db, "child", answer.reply.child.dagRunId);
  assert.ok(row);
  assert.equal((await readRun(bench, row.id)).word, "queued");
  const other = await addRunner(bench);
  const { attempts } = await claimNow(bench, other, { free: 2 });
  assert.deepEqual(attempts.map(({ run: { name }, fence }) => [name, fence]).toSorted(), [
    ["child", 2],
    ["two", 2],
  ]);
});

onEveryDatabase(
  "CN-05 INV-17 TX-05 a stop reaches the runs that its steps wait for, at every depth",
  async (bench) => {
    const { run, runner, grant } = await openHalfDone(bench);
    const { ports, settings } = bench;
    const startBelow = async (parent: Grant, name: string, mode: "run" | "enqueue") => {
      const answer = await startChild(ports, settings, await callerOf(runner, parent), {
        fence: parent.fence,
        key: name,
        step: "b",
        mode,
        target: { kind: "text", name, yaml: 'steps: [{id: a, run: "true"}]' },
        params: { kind: "none" },
        workerSelector: {},
        queue: null,
      });
      assert.ok(answer.ok);
      const row = await getRun(ports.db, name, answer.reply.child.dagRunId);
      assert.ok(row);
      return { id: row.id, grant: answer.reply.grant };
    };
    const child = await startBelow(grant, "child", "run");
    const apart = await startBelow(grant, "apart", "enqueue");
    assert.ok(child.grant);
    await tell(bench, runner, child.grant, 1, [STARTED]);
    const below = await startBelow(child.grant, "below", "run");
    assert.ok((await stopRun(ports, settings, run, "me", false)).ok);
    for (const { id } of [run, child, below]) assert.ok((await readRun(bench, id)).cancelRequestedAt);
    assert.equal((await readRun(bench, apart.id)).word, "queued", "what was only queued stands for itself");
    // Nobody confirms: the deadline of each ends it.
    await stayUp(bench, 2 * LEASE_AND_GRACE_MS);
    for (const { id } of [run, child, below]) assert.equal((await readRun(bench, id)).word, "aborted");
  },
);

// ---- what its runner does not have any more --------------------------------------------------------------------

async function beatOf(
  { ports, settings }: DispatchBench,
  runner: RunnerRow,
  [boot, beat]: readonly [number, number],
  held: readonly Grant[],
): Promise<void> {
  const attempts = held.map(({ attemptId, fence }) => ({ attemptId, fence, lastSeq: 4, ackSeq: 4 }));
  const rest = { state: "active" as const, free: 0, spoolBytes: 0, version: "test", ackDirectives: [] };
  await heartbeat(ports, settings, runner, { ...rest, attempts, beat }, boot);
}

onEveryDatabase("INV-11 a run that its runner has twice not named is given up", async (bench) => {
  const { run, runner } = await openHalfDone(bench, TWO_STEPS.replace("retry", "fail"));
  await beatOf(bench, runner, [3, 7], []);
  await beatOf(bench, runner, [3, 7], []);
  assert.equal(
    (await readRun(bench, run.id)).word,
    "running",
    "one beat, however often, may be older than it",
  );
  await beatOf(bench, runner, [3, 8], []);
  const ended = await readRun(bench, run.id);
  assert.deepEqual([ended.word, ended.reason], ["failed", "runner_lost"]);
});

const KEPT: readonly [name: string, beats: readonly (readonly [number, number, boolean])[]][] = [
  ["that is named in between", [[3, 7, false], [3, 8, true], [3, 9, false]]],
  ["whose runner was started anew in between", [[3, 7, false], [4, 1, false]]],
  ["that only late copies do not name", [[3, 7, true], [3, 5, false], [3, 6, false]]],
];
for (const [name, beats] of KEPT) {
  onEveryDatabase(`INV-11 a run ${name} is kept`, async (bench) => {
    const { run, runner, grant } = await openHalfDone(bench);
    for (const [boot, beat, isNamed] of beats) {
      await beatOf(bench, runner, [boot, beat], isNamed ? [grant] : []);
    }
    assert.equal((await readRun(bench, run.id)).word, "running");
  });
}

onEveryDatabase("INV-11 what was claimed and has not begun has its own deadline", async (bench) => {
  const run = await queueRun(bench);
  const runner = await addRunner(bench);
  await claimOne(bench, runner);
  for (const beat of [1, 2, 3]) await beatOf(bench, runner, [1, beat], []);
  assert.equal((await readRun(bench, run.id)).word, "not_started");
});

onEveryDatabase(
  "RT-09 what a runner does not have any more goes on when nothing of it can run there",
  async (bench) => {
    const { run, runner } = await openHalfDone(bench);
    await beatOf(bench, runner, [1, 1], []);
    await beatOf(bench, runner, [1, 2], []);
    assert.equal((await readRun(bench, run.id)).word, "queued");
    assert.deepEqual((await claimNow(bench, runner)).attempts, []);
    await bench.time.advance(LEASE_AND_GRACE_MS);
    assert.equal((await claimOne(bench, runner)).fence, 2);
  },
);
