import assert from "node:assert/strict";
import { uuidV7 } from "../../../src/run/ids.ts";
import { trimHistory } from "../../../src/server/dispatch/history.ts";
import { newReports } from "../../../src/server/dispatch/report.ts";
import { getRunById, listRuns } from "../../../src/server/store/runs.ts";
import {
  addRunner,
  claimNow,
  claimOne,
  type DispatchBench,
  onEveryDatabase,
  queueRun,
  reportOf,
  STARTED,
  SUCCEEDED,
  tell,
} from "../../support/dispatch.ts";

const DAY_MS = 86_400_000;

/** A run of the workflow `kept`, to its end. */
async function finish(bench: DispatchBench, more: string, name = "kept"): Promise<string> {
  const run = await queueRun(bench, { definition: { text: `${more}\nsteps: [{id: a, run: x}]`, name } });
  const runner = await addRunner(bench);
  const told = await tell(bench, runner, await claimOne(bench, runner), 1, [STARTED, SUCCEEDED]);
  assert.ok(told.ok);
  return run.id;
}

/** Those that are left of the runs, after what the end of the latest of them looks at. */
async function left({ ports }: DispatchBench, ids: readonly string[]): Promise<boolean[]> {
  const rows = await Promise.all(ids.map((id) => getRunById(ports.db, id)));
  const latest = rows.at(-1);
  assert.ok(latest);
  await trimHistory(ports, latest);
  const kept = new Set((await listRuns(ports.db, { limit: 100 })).map((row) => row.id));
  return ids.map((id) => kept.has(id));
}

onEveryDatabase("R-41 hist_retention_runs keeps the newest, and what has not ended", async (bench) => {
  const rule = "hist_retention_runs: 2";
  const waiting = await queueRun(bench, {
    definition: { text: `${rule}\nsteps: [{id: a, run: x}]`, name: "kept" },
  });
  await bench.time.advance(1);
  const parked = await addRunner(bench);
  const held = await claimOne(bench, parked);
  await tell(bench, parked, held, 1, [STARTED]);
  const ids: string[] = [];
  for (let n = 0; n < 4; n++) {
    ids.push(await finish(bench, rule));
    await bench.time.advance(1);
  }
  const other = await finish(bench, "", "other");
  assert.deepEqual(await left(bench, [waiting.id, other, ...ids]), [true, true, false, false, true, true]);
});

onEveryDatabase(
  "R-41 a sub-run of the workflow that ends at the same time does not count as its run",
  async (bench) => {
    const work: Promise<void>[] = [];
    const ports = { ...bench.ports, background: (one: Promise<void>) => void work.push(one) };
    const rule = "hist_retention_runs: 1";
    const old = await finish(bench, rule);
    const definition = { text: `${rule}\nsteps: [{id: a, run: x}]`, name: "kept" };
    const above = await queueRun(bench);
    const parent = { parentId: above.id, rootId: above.id, childKey: "a" };
    const runs = [
      above,
      await queueRun(bench, { definition, parent }),
      await queueRun(bench, { definition }),
    ];
    const runner = await addRunner(bench);
    const { attempts } = await claimNow(bench, runner, { free: runs.length });
    const report = newReports(ports);
    // The first goes alone; the others wait for it, and go together.
    await Promise.all(runs.map(async ({ dagRunId }, index) => {
      const grant = attempts.find((one) => one.run.dagRunId === dagRunId);
      assert.ok(grant);
      const bodies = index === 0 ? [STARTED] : [STARTED, SUCCEEDED];
      return await report(await reportOf(bench, runner, grant, 1, bodies));
    }));
    await Promise.all(work);
    assert.equal(await getRunById(bench.ports.db, old), null);
  },
);

/** Ids tell the bench's time, as they do where the clock is the machine's. */
function withIds({ ports, ...bench }: DispatchBench): DispatchBench {
  const random = (): Uint8Array => crypto.getRandomValues(new Uint8Array(10));
  return { ...bench, ports: { ...ports, ids: { uuid: () => uuidV7(ports.clock.now(), random()) } } };
}

const AGES = [
  { rule: "", days: 29, isKept: true },
  { rule: "", days: 31, isKept: false },
  { rule: "hist_retention_days: 2", days: 3, isKept: false },
  { rule: "hist_retention_days: 0", days: 400, isKept: true },
  { rule: "hist_retention_days: 3000000000", days: 400, isKept: true },
];

onEveryDatabase("R-41 runs are kept for 30 days unless their workflow says otherwise", async (plain) => {
  const bench = withIds(plain);
  for (const [index, { rule, days, isKept }] of AGES.entries()) {
    const old = await finish(bench, rule, `w${index}`);
    await bench.time.advance(days * DAY_MS);
    const next = await finish(bench, rule, `w${index}`);
    assert.deepEqual(await left(bench, [old, next]), [isKept, true], `${rule} ${days}`);
  }
});
