/**
 * What it costs to give runs to runners, on the Postgres of DAGU_TEST_DATABASE_URL: claim and completion beside other queues
 * on Postgres, the latency of a claim with and without history, the way from a start to a waiting runner, and what idle
 * runners cost.
 *
 *     eval "$(infra/dev/up)"; deno task bench tests/bench/dispatch_bench.ts [throughput|history|wake|idle]...
 *
 * Throughput compares like with like: one process with about ten connections each (graphile-worker: four workers of three), on
 * one database, so with the same durability of a commit, which nobody changes; four takers of fifty at a time; a payload as large
 * as what a run of ours is given with; all of it written before the clock starts, and each of the three warmed by a tenth of it,
 * as a server that runs is. What a job costs them is a row that is marked, and marked again or deleted, all jobs of a batch with
 * one call. A run of ours gets an attempt with a fence, a token and a lease, and its end is told by a report of its own, with two
 * events that stay.
 */
import type { ServerPorts } from "../../src/server/ports.ts";
import { newClaims } from "../../src/server/dispatch/claim.ts";
import { newReports } from "../../src/server/dispatch/report.ts";
import type { RunnerRow } from "../../src/server/store/runners.ts";
import { openTestDatabase } from "../support/database.ts";
import {
  addRunner,
  claimNow,
  type DispatchBench,
  queueRun,
  reportOf,
  STARTED,
  SUCCEEDED,
  tell,
} from "../support/dispatch.ts";
import { newFakeClock } from "../support/fake-clock.ts";
import { newTestPorts, TEST_SETTINGS } from "../support/server.ts";
import { addHistory } from "./history.ts";
import { idleCost } from "./idle.ts";
import { type Contest, graphileWorker, pgBoss } from "./rivals.ts";

const JOBS = 4_000;
const BATCH = 50;
const TAKERS = 4;

interface OpenBench extends DispatchBench, AsyncDisposable {
  readonly url: string;
}

async function openBench(): Promise<OpenBench> {
  const database = await openTestDatabase("postgres");
  if (database.url === null) throw new Error("a database on a server has an address");
  const ports: ServerPorts = newTestPorts(database.db);
  const time = { ...newFakeClock(), clock: ports.clock };
  return {
    ports,
    settings: TEST_SETTINGS,
    time,
    url: database.url,
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
}

// ---- throughput -------------------------------------------------------------------------------------------------

/** The room of a server: what its claims and its reports share is made once. */
function openRoom({ ports, settings }: OpenBench) {
  return { claim: newClaims(ports, settings), report: newReports(ports) };
}

async function ours(
  bench: OpenBench,
  room: ReturnType<typeof openRoom>,
  { jobs, batch, takers }: Omit<Contest, "payload">,
): Promise<number> {
  for (let from = 0; from < jobs; from += 100) {
    await Promise.all(Array.from({ length: Math.min(100, jobs - from) }, () => queueRun(bench)));
  }
  const runners = await Promise.all(Array.from({ length: takers }, () => addRunner(bench)));
  const before = performance.now();
  await Promise.all(runners.map((runner) => drain(bench, room, runner, batch)));
  return performance.now() - before;
}

async function drain(
  bench: OpenBench,
  { claim, report }: ReturnType<typeof openRoom>,
  runner: RunnerRow,
  batch: number,
): Promise<void> {
  while (true) {
    const request = {
      claimId: bench.ports.ids.uuid(),
      labels: {},
      free: batch,
      waitMs: 0,
      resources: {},
      exclude: [],
      held: [],
    };
    const { attempts } = await claim(runner, request, new AbortController().signal);
    if (attempts.length === 0) return;
    await Promise.all(attempts.map(async (grant) => {
      const told = await report(await reportOf(bench, runner, grant, 1, [STARTED, SUCCEEDED]));
      if (!told.ok) throw new Error(told.message);
    }));
  }
}

async function throughput(): Promise<void> {
  await using bench = await openBench();
  await queueRun(bench);
  const [grant] = (await claimNow(bench, await addRunner(bench))).attempts;
  const contest = { url: bench.url, jobs: JOBS, batch: BATCH, takers: TAKERS, payload: { ...grant } };
  const room = openRoom(bench);
  const rateOf = async (run: (contest: Contest) => Promise<number>): Promise<number> => {
    await run({ ...contest, jobs: JOBS / 10 });
    return JOBS / await run(contest) * 1_000;
  };
  const rates = {
    ours: await rateOf((contest) => ours(bench, room, contest)),
    "pg-boss": await rateOf(pgBoss),
    "graphile-worker": await rateOf(graphileWorker),
  };
  const better = Math.max(rates["pg-boss"], rates["graphile-worker"]);
  for (const [name, rate] of Object.entries(rates)) console.log(`${name}: ${rate.toFixed(0)} runs/s`);
  console.log(`claim and complete, ${BATCH} at a time: ${(rates.ours / better).toFixed(2)} of the better`);
}

// ---- latency ----------------------------------------------------------------------------------------------------

const CLAIMS = 200;

/** Of a claim that takes one run: it stands before the many that are queued for us, and behind those for others. */
async function claimLatency(bench: OpenBench, runner: RunnerRow): Promise<number> {
  const times: number[] = [];
  for (let n = 0; n < CLAIMS; n++) {
    await queueRun(bench, { priority: 1 });
    const before = performance.now();
    const { attempts: [grant] } = await claimNow(bench, runner);
    times.push(performance.now() - before);
    if (grant === undefined) throw new Error("a queued run was not claimed");
    await tell(bench, runner, grant, 1, [STARTED, SUCCEEDED]);
  }
  return quantile(times, 0.5);
}

async function history(): Promise<void> {
  await using empty = await openBench();
  await using full = await openBench();
  await addHistory(full, await queueRun(full), { finished: 1_000_000, queued: 100_000, elsewhere: 50_000 });
  const [fresh, old] = [await addRunner(empty), await addRunner(full)];
  await claimLatency(empty, fresh);
  await claimLatency(full, old);
  const [a, b] = [await claimLatency(empty, fresh), await claimLatency(full, old)];
  const ratio = (b / a).toFixed(2);
  console.log(
    `claim: ${a.toFixed(1)} ms empty, ${
      b.toFixed(1)
    } ms with 1,000,000 finished and 100,000 queued, half of them before it and for others: ${ratio}`,
  );
}

/** From the call that stores a run to the answer of a claim that waits for one. */
async function wake(): Promise<void> {
  await using bench = await openBench();
  const runner = await addRunner(bench);
  const times: number[] = [];
  for (let n = 0; n < CLAIMS; n++) {
    const waiting = claimNow(bench, runner, { waitMs: 25_000 });
    await bench.ports.clock.sleep(30);
    const before = performance.now();
    await queueRun(bench);
    const { attempts: [grant] } = await waiting;
    times.push(performance.now() - before);
    if (grant === undefined) throw new Error("a waiting claim was not answered");
    await tell(bench, runner, grant, 1, [STARTED, SUCCEEDED]);
  }
  const [p50, p99] = [quantile(times, 0.5), quantile(times, 0.99)];
  console.log(`start to the waiting runner's answer: p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`);
}

function quantile(values: readonly number[], q: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * q)] ?? Number.NaN;
}

// ---- idle -------------------------------------------------------------------------------------------------------

const IDLE_RUNNERS = 200;
const IDLE_MS = 60_000;

async function idle(): Promise<void> {
  await using bench = await openBench();
  const options = { runners: IDLE_RUNNERS, durationMs: IDLE_MS };
  const share = await idleCost(bench.ports, bench.url, options);
  console.log(`${IDLE_RUNNERS} idle runners: ${(share * 100).toFixed(1)} % of a core`);
}

const PARTS: Readonly<Record<string, () => Promise<void>>> = { throughput, history, wake, idle };
const wanted = Deno.args.length > 0 ? Deno.args : Object.keys(PARTS);
for (const name of wanted) {
  const part = PARTS[name];
  if (part === undefined) throw new Error(`there is no part "${name}": ${Object.keys(PARTS).join(", ")}`);
  await part();
}
