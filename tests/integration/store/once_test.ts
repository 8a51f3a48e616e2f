/** What is asked for twice is done once, and what is narrower gives nothing: found by the simulation. */
import assert from "node:assert/strict";
import { sql } from "drizzle-orm";
import { removeRun } from "../../../src/server/dispatch/remove.ts";
import { accessState } from "../../../src/server/dispatch/state.ts";
import { startChild } from "../../../src/server/dispatch/children.ts";
import { stopRun } from "../../../src/server/dispatch/cancel.ts";
import { createRegistrationToken, registerRunner } from "../../../src/server/dispatch/register.ts";
import { sweepLeases } from "../../../src/server/tick/leases.ts";
import { digestToken } from "../../../src/server/secrets/token.ts";
import { replaceTokenDigest } from "../../../src/server/store/attempts.ts";
import { saveQueue } from "../../../src/server/store/queue-settings.ts";
import { query } from "../../../src/server/store/query.ts";
import { childrenOf, statusOf } from "../../../src/server/store/runs.ts";
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
  SUCCEEDED,
  tell,
} from "../../support/dispatch.ts";

onEveryDatabase(
  "INV-21 a copy of a claim that comes after its runs began is given no others",
  async (bench) => {
    await queueRun(bench);
    await queueRun(bench);
    const runner = await addRunner(bench);
    const claimId = bench.ports.ids.uuid();
    const [grant] = (await claimNow(bench, runner, { claimId })).attempts;
    assert.ok(grant);
    await tell(bench, runner, grant, 1, [STARTED]);
    assert.deepEqual((await claimNow(bench, runner, { claimId })).attempts, []);
    assert.equal((await claimNow(bench, runner)).attempts.length, 1, "another claim is given the other run");
  },
);

onEveryDatabase(
  "INV-21 what an attempt was answered to its writes of state is kept for as long as it may ask again",
  async (bench) => {
    await queueRun(bench);
    const runner = await addRunner(bench);
    const grant = await claimOne(bench, runner);
    await tell(bench, runner, grant, 1, [STARTED]);
    const put = { op: "put", fence: 1, scope: "dag", namespace: "", key: "k", createOnly: true } as const;
    const change = { ...put, value: 1, expectedVersion: null };
    const caller = await callerOf(runner, grant);
    const first = await accessState(bench.ports, caller, change, "request-1");
    assert.deepEqual(await accessState(bench.ports, caller, change, "request-1"), first);
    await tell(bench, runner, grant, 2, [SUCCEEDED]);
    const kept = await query(bench.ports.db, sql`select 1 as kept from state_answers`);
    assert.deepEqual(kept, []);
  },
);

onEveryDatabase(
  "AU-41 a late copy of a claim, at a control plane with another key, takes no token from an attempt that has begun",
  async (bench) => {
    await queueRun(bench);
    const runner = await addRunner(bench);
    const grant = await claimOne(bench, runner);
    // As the copy has read it, before the attempt began.
    const known = await digestToken(grant.attemptToken);
    await tell(bench, runner, grant, 1, [STARTED]);
    await replaceTokenDigest(bench.ports.db, grant.attemptId, known, await digestToken("another"));
    const told = await tell(bench, runner, grant, 2, [SUCCEEDED]);
    assert.ok(told.ok, JSON.stringify(told));
  },
);

onEveryDatabase(
  "M1 a registration whose answer was lost is repeated and spends its token once",
  async (bench) => {
    const { ports, settings, time } = bench;
    const { token } = await createRegistrationToken(ports, { lifeMs: 3_600_000, uses: 1, labels: {} });
    const request = {
      name: "one",
      machineId: "m-1",
      version: "test",
      os: "linux",
      arch: "amd64",
      labels: {},
      capacity: 1,
      features: [],
    };
    const first = await registerRunner(ports, settings, token, request);
    assert.ok(first.ok);
    assert.deepEqual(await registerRunner(ports, settings, token, request), first);
    const other = await registerRunner(ports, settings, token, { ...request, machineId: "m-2" });
    assert.equal(!other.ok && other.code, "unauthorized");
    await time.advance(600_001);
    const late = await registerRunner(ports, settings, token, request);
    assert.equal(!late.ok && late.code, "unauthorized", "not for ever");
  },
);

onEveryDatabase(
  "INV-13 a slot above the width of a narrowed queue is none when it comes free",
  async (bench) => {
    const definition = { text: `max_active_runs: 3\nqueue: line\n${ONE_STEP}`, name: "one" };
    for (let n = 0; n < 5; n++) await queueRun(bench, { definition, needsSlot: true });
    const runner = await addRunner(bench);
    const { attempts } = await claimNow(bench, runner, { free: 5 });
    assert.equal(attempts.length, 3);
    await saveQueue(bench.ports.db, "line", { maxConcurrency: 2 }, new Date(bench.time.clock.now()));
    const [first, second] = attempts;
    assert.ok(first && second);
    await tell(bench, runner, first, 1, [STARTED, SUCCEEDED]);
    assert.equal((await claimNow(bench, runner, { free: 5 })).attempts.length, 0, "two of two are taken");
    await tell(bench, runner, second, 1, [STARTED, SUCCEEDED]);
    assert.equal((await claimNow(bench, runner, { free: 5 })).attempts.length, 1);
  },
);

// ---- sub-runs ---------------------------------------------------------------------------------------------------

const TREE = `steps: [{id: a, action: dag.run, with: {dag: kid}}]
---
name: kid
steps: [{id: k, run: "true"}]
`;

async function startKid(
  bench: DispatchBench,
  runner: Awaited<ReturnType<typeof addRunner>>,
  grant: Awaited<ReturnType<typeof claimOne>>,
  change: { readonly key?: string; readonly mode?: "run" | "enqueue"; readonly zone?: string } = {},
) {
  const answer = await startChild(bench.ports, bench.settings, await callerOf(runner, grant), {
    fence: grant.fence,
    key: change.key ?? "a/kid",
    step: "a",
    target: { kind: "local", document: "kid" },
    params: { kind: "none" },
    mode: change.mode ?? "run",
    queue: null,
    workerSelector: change.zone === undefined ? {} : { zone: change.zone },
  });
  assert.ok(answer.ok, answer.ok ? "" : answer.message);
  return answer.reply;
}

onEveryDatabase(
  "INV-17 CN-05 a stop takes along what steps wait for, and not what they enqueued",
  async (bench) => {
    const { ports, settings } = bench;
    const run = await queueRun(bench, { definition: { text: TREE, name: "tree" } });
    const runner = await addRunner(bench);
    const grant = await claimOne(bench, runner);
    await tell(bench, runner, grant, 1, [STARTED]);
    const own = await startKid(bench, runner, grant, { key: "own" });
    assert.ok(own.grant, "nobody else was asked for");
    await startKid(bench, runner, grant, { key: "elsewhere", zone: "far" });
    await startKid(bench, runner, grant, { key: "enqueued", mode: "enqueue" });
    assert.ok((await stopRun(ports, settings, run, "test", false)).ok);
    const states = (await childrenOf(ports.db, run.id)).map((child) =>
      [child.needsSlot, statusOf(child.status), child.cancelRequestedAt !== null] as const
    );
    assert.deepEqual(states.toSorted(), [
      [false, "aborted", false],
      [false, "not_started", true],
      [true, "queued", false],
    ]);
  },
);

onEveryDatabase(
  "INV-17 what a stopped run starts after the stop ends with it, confirmed or not",
  async (bench) => {
    const { ports, settings, time } = bench;
    const run = await queueRun(bench, { definition: { text: TREE, name: "tree" } });
    const runner = await addRunner(bench);
    const grant = await claimOne(bench, runner);
    await tell(bench, runner, grant, 1, [STARTED]);
    assert.ok((await stopRun(ports, settings, run, "test", false)).ok);
    await startKid(bench, runner, grant, { zone: "far" });
    // Seen to be up, so that nothing of it counts as an outage.
    for (let passed = 0; passed < 400_000; passed += 20_000) {
      await sweepLeases(ports, settings);
      await time.advance(20_000);
    }
    const [child] = await childrenOf(ports.db, run.id);
    assert.ok(child);
    assert.equal(statusOf(child.status), "aborted");
  },
);

onEveryDatabase(
  "R-47 S-132 a sub-run that failed while its parent waited for it is not tried again by that",
  async (given) => {
    const work: Promise<void>[] = [];
    const ports = { ...given.ports, background: (one: Promise<void>) => void work.push(one) };
    const bench = { ...given, ports };
    await queueRun(bench, { definition: { text: TREE, name: "tree" } });
    const [runner, far] = [await addRunner(bench), await addRunner(bench, { zone: "far" })];
    const grant = await claimOne(bench, runner);
    await tell(bench, runner, grant, 1, [STARTED]);
    const kid = await startKid(bench, runner, grant, { zone: "far" });
    const { dagRunId } = kid.child;
    await tell(bench, runner, grant, 2, [
      { type: "child.linked", step: "a", data: { childRunId: dagRunId, name: "kid", index: 0 } },
      {
        type: "step.waiting",
        step: "a",
        data: { kind: "sub_run", prompt: "", logs: { stdout: 0, stderr: 0 } },
      },
      { type: "attempt.waiting", data: { steps: ["a"] } },
    ]);
    await Promise.all(work);
    await bench.time.advance(1_000);
    const [taken] = (await claimNow(bench, far, { labels: { zone: "far" } })).attempts;
    assert.equal(taken?.run.dagRunId, dagRunId);
    const error = { code: "COMMAND_FAILED" as const, message: "", remedy: "" };
    await tell(bench, far, taken, 1, [STARTED, {
      type: "attempt.finished",
      data: { status: "failed", error },
    }]);
    await Promise.all(work);
    await bench.time.advance(1_000);
    const second = await claimOne(bench, runner);
    await tell(bench, runner, second, 1, [STARTED]);
    const seen = await startKid(bench, runner, second, { zone: "far" });
    assert.deepEqual([seen.child.dagRunId, seen.child.status], [dagRunId, "failed"]);
  },
);

onEveryDatabase("INV-21 a run goes when all that it started has ended, and not before", async (bench) => {
  const { db } = bench.ports;
  const run = await queueRun(bench, { definition: { text: TREE, name: "tree" } });
  const runner = await addRunner(bench);
  const grant = await claimOne(bench, runner);
  await tell(bench, runner, grant, 1, [STARTED]);
  const kid = await startKid(bench, runner, grant, { mode: "enqueue" });
  await tell(bench, runner, grant, 2, [SUCCEEDED]);
  const early = await removeRun(bench.ports, run.name, run.dagRunId);
  assert.equal(!early.ok && early.code, "bad_request");
  assert.equal((await childrenOf(db, run.id)).length, 1);
  const own = await claimOne(bench, runner);
  assert.equal(own.run.dagRunId, kid.child.dagRunId);
  await tell(bench, runner, own, 1, [STARTED, SUCCEEDED]);
  assert.ok((await removeRun(bench.ports, run.name, run.dagRunId)).ok);
  assert.equal((await childrenOf(db, run.id)).length, 0);
});

onEveryDatabase(
  "INV-19 a sub-run that asks for a runner by itself is not its parent's runner's",
  async (bench) => {
    const text = TREE.replace("name: kid\n", "name: kid\nworker_selector: {zone: far}\n");
    await queueRun(bench, { definition: { text, name: "tree" } });
    const runner = await addRunner(bench);
    const grant = await claimOne(bench, runner);
    await tell(bench, runner, grant, 1, [STARTED]);
    const { child, grant: own } = await startKid(bench, runner, grant);
    assert.deepEqual([own, child.status], [null, "queued"]);
  },
);
