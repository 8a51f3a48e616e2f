/** Reports that come together share a transaction: each is judged, answered and failed for itself. */
import assert from "node:assert/strict";
import type { Grant } from "../../../src/protocol/grant.ts";
import type { RunEventBody } from "../../../src/run/event.ts";
import { newReports } from "../../../src/server/dispatch/report.ts";
import type { Db } from "../../../src/server/store/db.ts";
import { listEvents } from "../../../src/server/store/events.ts";
import type { RunnerRow } from "../../../src/server/store/runners.ts";
import {
  addRunner,
  claimNow,
  type DispatchBench,
  onEveryDatabase,
  type QueuedRun,
  queueRun,
  readRun,
  reportOf,
  STARTED,
  SUCCEEDED,
  tell,
} from "../../support/dispatch.ts";

const FAILED: RunEventBody = {
  type: "attempt.finished",
  data: { status: "failed", error: { code: "INTERNAL", message: "", remedy: "" } },
};
const RETRIED = 'retry_policy: {limit: 1, interval_sec: 1}\nsteps: [{id: a, run: "false"}]';

interface Open {
  readonly run: QueuedRun;
  readonly grant: Grant;
}

async function openAttempts(bench: DispatchBench, runner: RunnerRow, runs: QueuedRun[]): Promise<Open[]> {
  const { attempts } = await claimNow(bench, runner, { free: runs.length });
  return runs.map((run) => {
    const grant = attempts.find((one) => one.run.dagRunId === run.dagRunId);
    assert.ok(grant);
    return { run, grant };
  });
}

async function queueRuns(bench: DispatchBench, count: number): Promise<QueuedRun[]> {
  return await Promise.all(Array.from({ length: count }, () => queueRun(bench)));
}

/** Counts transactions, and how many of them are under way at once. */
function counting(db: Db): { readonly db: Db; readonly count: () => number } {
  let count = 0;
  const counted = new Proxy(db, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name);
      if (name !== "transaction" || typeof value !== "function") return value;
      return (...given: unknown[]) => {
        count++;
        return Reflect.apply(value, target, given);
      };
    },
  });
  return { db: counted, count: () => count };
}

onEveryDatabase("TX-03 reports that come together share transactions, and all are stored", async (bench) => {
  const runner = await addRunner(bench);
  const open = await openAttempts(bench, runner, await queueRuns(bench, 30));
  const { db, count } = counting(bench.ports.db);
  const report = newReports({ ...bench.ports, db });
  const reports = await Promise.all(
    open.map(({ grant }) => reportOf(bench, runner, grant, 1, [STARTED, SUCCEEDED])),
  );
  const told = await Promise.all(reports.map((one) => report(one)));
  assert.ok(told.every((one) => one.ok && one.reply.ackSeq === 2 && one.reply.runStatus === "succeeded"));
  assert.ok(count() < 10, `${count()} transactions for 30 reports`);
  for (const { run } of open) {
    assert.equal((await readRun(bench, run.id)).word, "succeeded");
    assert.equal((await listEvents(bench.ports.db, { runId: run.id, fence: 1 }, 0, 10)).length, 2);
  }
});

onEveryDatabase("TX-03 what one report of a group breaks fails that one alone", async (bench) => {
  const runner = await addRunner(bench);
  const open = await openAttempts(bench, runner, await queueRuns(bench, 6));
  const report = newReports(bench.ports);
  const reports = await Promise.all(open.map(async ({ grant }, index) => {
    const good = await reportOf(bench, runner, grant, 1, [STARTED, SUCCEEDED]);
    // Half of a pair is text that JSON can carry and the database cannot hold.
    const note = { type: "note", data: { message: "\ud800" }, seq: 1, at: 0, mono: 0 };
    return index === 4 ? { ...good, request: { ...good.request, events: [note] } } : good;
  }));
  const ends = await Promise.allSettled(reports.map((one) => report(one)));
  assert.deepEqual(ends.map((end) => end.status), [
    "fulfilled",
    "fulfilled",
    "fulfilled",
    "fulfilled",
    "rejected",
    "fulfilled",
  ]);
  for (const [index, { run }] of open.entries()) {
    assert.equal((await readRun(bench, run.id)).word, index === 4 ? "not_started" : "succeeded");
  }
});

onEveryDatabase("TX-03 each report of a group is refused or taken for itself", async (bench) => {
  const runner = await addRunner(bench);
  const [good, gap, stale, foreign, again] = await openAttempts(bench, runner, await queueRuns(bench, 5));
  assert.ok(good && gap && stale && foreign && again);
  await tell(bench, runner, again.grant, 1, [STARTED]);
  const reports = await Promise.all([
    // The first goes alone; the others wait for it, and go together.
    reportOf(bench, runner, good.grant, 1, [STARTED]),
    reportOf(bench, runner, gap.grant, 2, [SUCCEEDED]),
    reportOf(bench, runner, stale.grant, 1, [STARTED], { fence: 2 }),
    reportOf(bench, await addRunner(bench), foreign.grant, 1, [STARTED]),
    reportOf(bench, runner, again.grant, 1, [STARTED, SUCCEEDED]),
  ]);
  const report = newReports(bench.ports);
  const told = await Promise.all(reports.map((one) => report(one)));
  assert.deepEqual(told.map((one) => one.ok ? one.reply.ackSeq : one.code), [
    1,
    "seq_gap",
    "fenced",
    "forbidden",
    2,
  ]);
  assert.deepEqual(
    (await Promise.all([good, gap, stale, foreign, again].map(({ run }) => readRun(bench, run.id)))).map((
      run,
    ) => run.word),
    ["running", "not_started", "not_started", "not_started", "succeeded"],
  );
});

onEveryDatabase(
  "INV-05 reports of one attempt that come at once are taken one after the other",
  async (bench) => {
    const runner = await addRunner(bench);
    const [open] = await openAttempts(bench, runner, await queueRuns(bench, 1));
    assert.ok(open);
    const report = newReports(bench.ports);
    const first = await reportOf(bench, runner, open.grant, 1, [STARTED]);
    const second = await reportOf(bench, runner, open.grant, 2, [SUCCEEDED]);
    const told = await Promise.all([report(first), report(second), report(first), report(second)]);
    assert.deepEqual(told.map((one) => one.ok && one.reply.ackSeq), [1, 2, 2, 2]);
    assert.equal((await readRun(bench, open.run.id)).word, "succeeded");
  },
);

onEveryDatabase(
  "RT-02 TX-04 a run of a group that fails is queued again, beside runs that end",
  async (bench) => {
    const runner = await addRunner(bench);
    const retried = await queueRun(bench, { definition: { text: RETRIED, name: "retried" } });
    const open = await openAttempts(bench, runner, [...await queueRuns(bench, 3), retried]);
    const report = newReports(bench.ports);
    const reports = await Promise.all(
      open.map(({ grant, run }) =>
        reportOf(bench, runner, grant, 1, [STARTED, run.id === retried.id ? FAILED : SUCCEEDED])
      ),
    );
    await Promise.all(reports.map((one) => report(one)));
    const words = await Promise.all(open.map(async ({ run }) => (await readRun(bench, run.id)).word));
    assert.deepEqual(words, ["succeeded", "succeeded", "succeeded", "queued"]);
  },
);
