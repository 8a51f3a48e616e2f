import assert from "node:assert/strict";
import type { Grant } from "../../../src/protocol/grant.ts";
import { stopRun } from "../../../src/server/dispatch/cancel.ts";
import { decideForkRun } from "../../../src/server/dispatch/fork-approval.ts";
import { heartbeat } from "../../../src/server/dispatch/lease.ts";
import { declineAttempt, leaveRunner } from "../../../src/server/dispatch/leave.ts";
import type { RunnerRow } from "../../../src/server/store/runners.ts";
import { sweepLeases } from "../../../src/server/tick/leases.ts";
import { tick } from "../../../src/server/tick/tick.ts";
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

/** Time as it passes while the control plane is up: a sweep every ten seconds. */
async function stayUp(bench: DispatchBench, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= TICK_MS) {
    await bench.time.advance(Math.min(left, TICK_MS));
    await sweepLeases(bench.ports, bench.settings);
  }
}

/** Patience of minutes instead of half a day, so that a test sweeps a few dozen times. */
function impatient(bench: DispatchBench): DispatchBench {
  return {
    ...bench,
    settings: { ...bench.settings, runner: { ...bench.settings.runner, graceMs: 120_000 } },
  };
}

async function beat({ ports, settings }: DispatchBench, runner: RunnerRow, grants: readonly Grant[]) {
  return await heartbeat(ports, settings, runner, {
    state: "active",
    free: 1,
    spoolBytes: 0,
    version: "test",
    attempts: grants.map(({ attemptId, fence }) => ({ attemptId, fence, lastSeq: 1, ackSeq: 1 })),
    ackDirectives: [],
  });
}

async function openStarted(bench: DispatchBench) {
  await sweepLeases(bench.ports, bench.settings);
  const run = await queueRun(bench);
  const runner = await addRunner(bench);
  const grant = await claimOne(bench, runner);
  assert.ok((await tell(bench, runner, grant, 1, [STARTED])).ok);
  return { run, runner, grant };
}

onEveryDatabase(
  "LO-04 RD-04 a run whose runner is gone fails when lease and grace are over, not before",
  async (given) => {
    const bench = impatient(given);
    const { run, runner, grant } = await openStarted(bench);
    await stayUp(bench, 180_000);
    assert.equal((await readRun(bench, run.id)).word, "running");
    await stayUp(bench, TICK_MS);
    const lost = await readRun(bench, run.id);
    assert.deepEqual([lost.word, lost.reason], ["failed", "runner_lost"]);
    const late = await tell(bench, runner, grant, 2, [SUCCEEDED]);
    assert.equal(!late.ok && late.code, "fenced");
    assert.deepEqual((await beat(bench, runner, [grant])).attempts.map((one) => one.status), ["finished"]);
  },
);

onEveryDatabase("LO-04 heartbeats keep a run for as long as they come", async (given) => {
  const bench = impatient(given);
  const { run, runner, grant } = await openStarted(bench);
  for (let minute = 0; minute < 10; minute++) {
    await stayUp(bench, 60_000);
    assert.equal((await beat(bench, runner, [grant])).attempts[0]?.status, "ok");
  }
  assert.equal((await readRun(bench, run.id)).word, "running");
});

onEveryDatabase("LO-05 an outage of the control plane costs no run", async (given) => {
  const bench = impatient(given);
  const { run, runner, grant } = await openStarted(bench);
  const claimed = await queueRun(bench);
  const waiting = await claimOne(bench, runner);
  await bench.time.advance(7 * 24 * 3_600_000);
  await Promise.all(Array.from({ length: 4 }, () => sweepLeases(bench.ports, bench.settings)));
  await stayUp(bench, 50_000);
  assert.equal((await readRun(bench, run.id)).word, "running");
  assert.equal((await readRun(bench, claimed.id)).word, "not_started");
  assert.ok((await tell(bench, runner, grant, 2, [SUCCEEDED])).ok);
  assert.ok((await tell(bench, runner, waiting, 1, [STARTED, SUCCEEDED])).ok);
});

onEveryDatabase("LO-05 after an outage patience ends as it would have", async (given) => {
  const bench = impatient(given);
  const { run } = await openStarted(bench);
  await bench.time.advance(3_600_000);
  await stayUp(bench, 300_000);
  assert.equal((await readRun(bench, run.id)).reason, "runner_lost");
});

onEveryDatabase("LO-05 a clock that was set back and then right again costs no run", async (given) => {
  const bench = impatient(given);
  const { run, runner, grant } = await openStarted(bench);
  const setBack = {
    ...bench.ports,
    clock: { ...bench.time.clock, now: () => bench.time.clock.now() - 600_000 },
  };
  await sweepLeases(setBack, bench.settings);
  await beat({ ...bench, ports: setBack }, runner, [grant]);
  await bench.time.advance(3_600_000);
  await sweepLeases(bench.ports, bench.settings);
  assert.equal((await readRun(bench, run.id)).word, "running");
});

onEveryDatabase("TX-08 a runner that comes back while it is being given up keeps its run", async (given) => {
  const bench = impatient(given);
  const { run, runner, grant } = await openStarted(bench);
  await stayUp(bench, 170_000);
  await bench.time.advance(15_000);
  let found = 0;
  const db = new Proxy(bench.ports.db, {
    get: (target, key) => {
      const value: unknown = Reflect.get(target, key);
      if (key !== "transaction" || typeof value !== "function") return value;
      // Each transaction of a sweep, when there was no outage, gives up one attempt that was found.
      return async (...args: unknown[]) => {
        if (++found === 1) await beat(bench, runner, [grant]);
        return await Reflect.apply(value, target, args);
      };
    },
  });
  await sweepLeases({ ...bench.ports, db }, bench.settings);
  assert.equal(found, 1);
  assert.equal((await readRun(bench, run.id)).word, "running");
});

onEveryDatabase("INV-20 a heartbeat beside a sweep says ok only of a lease that is held", async (given) => {
  const bench = impatient(given);
  for (let turns = 0; turns < 40; turns++) {
    const { run, runner, grant } = await openStarted(bench);
    await stayUp(bench, 170_000);
    await bench.time.advance(15_000);
    const sweeping = sweepLeases(bench.ports, bench.settings);
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    const reply = await beat(bench, runner, [grant]);
    await sweeping;
    const isHeld = (await readRun(bench, run.id)).word === "running";
    assert.equal(reply.attempts[0]?.status === "ok", isHeld, `after ${turns} turns`);
    if (isHeld) assert.ok((await tell(bench, runner, grant, 2, [SUCCEEDED])).ok);
  }
});

onEveryDatabase(
  "CL-09 a repeated claim renews the lease: its runner counts from the repetition",
  async (given) => {
    const bench = impatient(given);
    await sweepLeases(bench.ports, bench.settings);
    const run = await queueRun(bench);
    const runner = await addRunner(bench);
    const claimId = bench.ports.ids.uuid();
    await claimNow(bench, runner, { claimId });
    await stayUp(bench, 50_000);
    const [grant] = (await claimNow(bench, runner, { claimId })).attempts;
    assert.ok(grant);
    assert.ok((await tell(bench, runner, grant, 1, [STARTED])).ok);
    await stayUp(bench, 170_000);
    assert.equal((await readRun(bench, run.id)).word, "running");
    await stayUp(bench, 20_000);
    assert.equal((await readRun(bench, run.id)).reason, "runner_lost");
  },
);

onEveryDatabase(
  "LO-06 what was claimed and never started goes to another try, and its token is dead",
  async (bench) => {
    await sweepLeases(bench.ports, bench.settings);
    const run = await queueRun(bench, { needsSlot: true });
    const runner = await addRunner(bench);
    const grant = await claimOne(bench, runner);
    await stayUp(bench, 70_000);
    assert.equal((await readRun(bench, run.id)).word, "queued");
    const late = await tell(bench, runner, grant, 1, [STARTED]);
    assert.equal(!late.ok && late.code, "fenced");
    await stayUp(bench, TICK_MS);
    assert.equal((await claimOne(bench, runner)).fence, 2);
  },
);

onEveryDatabase("RT-08 a run that never starts is given up after its tries", async (bench) => {
  await sweepLeases(bench.ports, bench.settings);
  const run = await queueRun(bench, { needsSlot: true });
  const runner = await addRunner(bench);
  for (let fence = 1; fence <= 6; fence++) {
    assert.equal((await claimOne(bench, runner)).fence, fence);
    await stayUp(bench, 140_000);
  }
  const given = await readRun(bench, run.id);
  assert.deepEqual([given.word, given.reason], ["failed", "dispatch_exhausted"]);
});

onEveryDatabase("M3 a claim tells which attempts never reached the runner", async (bench) => {
  const run = await queueRun(bench);
  const runner = await addRunner(bench);
  await claimOne(bench, runner);
  await bench.time.advance(11_000);
  await claimNow(bench, runner, { free: 0 });
  assert.equal((await readRun(bench, run.id)).word, "queued");
});

onEveryDatabase("M4 a declined run goes elsewhere; one that breaks the rules fails", async (bench) => {
  const runner = await addRunner(bench);
  const other = await addRunner(bench);
  const run = await queueRun(bench);
  const grant = await claimOne(bench, runner);
  const declined = await declineAttempt(bench.ports, await callerOf(runner, grant), {
    fence: 1,
    reason: "resource_shortage",
  });
  assert.deepEqual(declined, { ok: true, outcome: "requeued" });
  await bench.time.advance(60_000);
  await claimNow(bench, other, { free: 0 });
  assert.equal((await claimNow(bench, runner)).attempts.length, 0);
  const next = await claimOne(bench, other);
  const failed = await declineAttempt(bench.ports, await callerOf(other, next), {
    fence: 2,
    reason: "policy_denied",
    detail: "image not allowed",
  });
  assert.deepEqual(failed, { ok: true, outcome: "failed" });
  assert.deepEqual([(await readRun(bench, run.id)).word], ["failed"]);
});

onEveryDatabase("M4 what has begun cannot be declined, for whatever reason", async (bench) => {
  const { run, runner, grant } = await openStarted(bench);
  for (const reason of ["policy_denied", "resource_shortage"] as const) {
    const declined = await declineAttempt(bench.ports, await callerOf(runner, grant), { fence: 1, reason });
    assert.equal(!("outcome" in declined) && declined.code, "fenced", reason);
  }
  assert.equal((await readRun(bench, run.id)).word, "running");
});

onEveryDatabase(
  "M15 a runner that leaves hands back what it has not started, and loses the rest",
  async (bench) => {
    const { run, runner } = await openStarted(bench);
    const untouched = await queueRun(bench);
    await claimOne(bench, runner);
    await leaveRunner(bench.ports, runner, 1);
    const lost = await readRun(bench, run.id);
    assert.deepEqual([lost.word, lost.reason], ["failed", "runner_restarted"]);
    assert.equal((await readRun(bench, untouched.id)).word, "queued");
    assert.equal((await claimOne(bench, await addRunner(bench))).run.dagRunId, untouched.dagRunId);
  },
);

onEveryDatabase("tick runs every job, concurrently and again, without a difference", async (bench) => {
  const { run } = await openStarted(bench);
  await Promise.all(Array.from({ length: 5 }, () => tick(bench.ports, bench.settings)));
  assert.equal((await readRun(bench, run.id)).word, "running");
});

// ---- stopping ---------------------------------------------------------------------------------------------------

onEveryDatabase("CN-01 a queued run that is stopped is aborted and never claimed", async (bench) => {
  const run = await queueRun(bench);
  assert.deepEqual(await stopRun(bench.ports, bench.settings, run, "me", false), { ok: true });
  const stopped = await readRun(bench, run.id);
  assert.deepEqual([stopped.word, stopped.reason], ["aborted", "cancelled"]);
  assert.deepEqual((await claimNow(bench, await addRunner(bench))).attempts, []);
  const again = await stopRun(bench.ports, bench.settings, run, "me", false);
  assert.equal(!again.ok && again.code, "not_running");
});

onEveryDatabase("CN-02 a running run goes on until its runner confirms the stop", async (bench) => {
  const { run, runner, grant } = await openStarted(bench);
  assert.ok((await stopRun(bench.ports, bench.settings, run, "me", false)).ok);
  const { directives } = await beat(bench, runner, [grant]);
  assert.deepEqual(directives.map(({ type, attemptId, fence }) => [type, attemptId, fence]), [
    ["cancel", grant.attemptId, 1],
  ]);
  const held = await readRun(bench, run.id);
  assert.equal(held.word, "running");
  assert.ok(held.cancelRequestedAt);
  await tell(bench, runner, grant, 2, [{ type: "attempt.finished", data: { status: "aborted" } }]);
  assert.equal((await readRun(bench, run.id)).word, "aborted");
  assert.deepEqual((await beat(bench, runner, [])).directives, []);
});

onEveryDatabase("CN-04 a stop that nobody confirms ends the run by itself", async (bench) => {
  const { run, runner, grant } = await openStarted(bench);
  await stopRun(bench.ports, bench.settings, run, "me", false);
  await stopRun(bench.ports, bench.settings, run, "me", true);
  await stayUp(bench, 110_000);
  assert.equal((await readRun(bench, run.id)).word, "aborted");
  const late = await tell(bench, runner, grant, 2, [SUCCEEDED]);
  assert.equal(!late.ok && late.code, "fenced");
});

onEveryDatabase("CN-04 a stop that is said again puts off nothing", async (bench) => {
  const { run } = await openStarted(bench);
  await stopRun(bench.ports, bench.settings, run, "me", false);
  await stayUp(bench, 300_000);
  assert.ok((await stopRun(bench.ports, bench.settings, run, "me", false)).ok);
  await stayUp(bench, 120_000);
  assert.equal((await readRun(bench, run.id)).word, "aborted");
});

onEveryDatabase("CN-04 a workflow that may clean up for long is given that time", async (bench) => {
  await sweepLeases(bench.ports, bench.settings);
  const text = 'max_clean_up_time_sec: 600\nsteps: [{id: a, run: "true"}]';
  const run = await queueRun(bench, { definition: { text, name: "slow" } });
  const runner = await addRunner(bench);
  const grant = await claimOne(bench, runner);
  await tell(bench, runner, grant, 1, [STARTED]);
  await stopRun(bench.ports, bench.settings, run, "me", false);
  await stayUp(bench, 900_000);
  assert.equal((await readRun(bench, run.id)).word, "running");
  await stayUp(bench, 80_000);
  assert.equal((await readRun(bench, run.id)).word, "aborted");
});

onEveryDatabase("CN-02 stop and claim at once: aborted, or given with a stop to obey", async (bench) => {
  for (let n = 0; n < 25; n++) {
    const run = await queueRun(bench, { needsSlot: n % 2 === 0 });
    const runner = await addRunner(bench);
    const [stopped, claimed] = await Promise.all([
      stopRun(bench.ports, bench.settings, run, "me", false),
      claimNow(bench, runner),
    ]);
    assert.ok(stopped.ok);
    const { word } = await readRun(bench, run.id);
    const [grant] = claimed.attempts;
    if (grant === undefined) assert.equal(word, "aborted");
    else {
      const [directive] = (await beat(bench, runner, [grant])).directives;
      assert.equal(directive?.type, "cancel");
      await tell(bench, runner, grant, 1, [
        STARTED,
        { type: "attempt.finished", data: { status: "aborted" } },
      ]);
      assert.equal((await readRun(bench, run.id)).word, "aborted");
    }
  }
});

onEveryDatabase("CN-02 stop and end at once: one of them, and the slot is free", async (bench) => {
  const runner = await addRunner(bench);
  for (let n = 0; n < 10; n++) {
    const run = await queueRun(bench, { needsSlot: true });
    const grant = await claimOne(bench, runner);
    await tell(bench, runner, grant, 1, [STARTED]);
    const [, told] = await Promise.all([
      stopRun(bench.ports, bench.settings, run, "me", false),
      tell(bench, runner, grant, 2, [SUCCEEDED]),
    ]);
    assert.ok(told.ok);
    assert.equal((await readRun(bench, run.id)).word, "succeeded");
  }
});

// ---- approval ---------------------------------------------------------------------------------------------------

onEveryDatabase("FK-02 a fork's run waits, is queued by one approval, and by one only", async (bench) => {
  const runner = await addRunner(bench);
  const labels = { "accept-untrusted": "true" };
  const run = await queueRun(bench, { trust: "untrusted", approvalSha: "abc" });
  assert.equal((await readRun(bench, run.id)).word, "waiting");
  assert.deepEqual((await claimNow(bench, runner, { labels })).attempts, []);
  const decided = await Promise.all(
    Array.from({ length: 4 }, () => decideForkRun(bench.ports, run, "approve", "me")),
  );
  assert.equal(decided.filter((one) => one.ok).length, 1);
  assert.equal((await claimNow(bench, runner, { labels })).attempts.length, 1);
});

onEveryDatabase("FK-08 a rejected fork's run is rejected for good", async (bench) => {
  const run = await queueRun(bench, { trust: "untrusted", approvalSha: "abc" });
  assert.ok((await decideForkRun(bench.ports, run, "reject", "me")).ok);
  assert.equal((await readRun(bench, run.id)).word, "rejected");
  const again = await decideForkRun(bench.ports, run, "approve", "me");
  assert.equal(!again.ok && again.code, "conflict");
});

onEveryDatabase("CN-01 a run that waits for approval can be stopped", async (bench) => {
  const run = await queueRun(bench, { trust: "untrusted", approvalSha: "abc" });
  assert.ok((await stopRun(bench.ports, bench.settings, run, "me", false)).ok);
  assert.equal((await readRun(bench, run.id)).word, "aborted");
  const decided = await decideForkRun(bench.ports, run, "approve", "me");
  assert.equal(!decided.ok && decided.code, "conflict");
});
