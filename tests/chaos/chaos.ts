/** Runs under load while parts are killed, stopped and cut off; what must hold afterwards is asserted. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { leftContainers } from "../support/left-containers.ts";
import { newRandom, type Random } from "../simulation/random.ts";
import { drawFault } from "./faults.ts";
import { type Play, PLAYS } from "./plays.ts";
import { openRig, type Rig } from "./rig.ts";

/** Runs that are under way at once. */
const LOAD = 16;
/** Longest pause between two faults, ms. */
const QUIET_MS = 2_000;
/** A run that is not over so long after the last fault never will be, ms. */
const PATIENCE_MS = 180_000;
const FINAL = ["succeeded", "failed", "aborted", "partially_succeeded", "rejected"];

export interface ChaosPlan {
  readonly seed: number;
  /** At least so many runs, and at least so many kills. */
  readonly runs: number;
  readonly kills: number;
  readonly say: (line: string) => void;
}

interface Run {
  readonly id: string;
  readonly play: Play;
}

/** Throws with what the parts have said when a run was lost, doubled, changed, or left something behind. */
export async function causeChaos(plan: ChaosPlan): Promise<void> {
  await using rig = await openRig();
  try {
    const runs = await runUnderFaults(rig, plan);
    plan.say(`${runs.length} runs are over: looking at what is left`);
    for (const run of runs) await checkRun(rig, run);
    await checkNothingLeft(rig, runs);
  } catch (error) {
    const told = [...rig.servers, ...rig.runners].map((part) => `== ${part.name}\n${part.said()}`).join("\n");
    throw new Error(`seed ${plan.seed}: ${error instanceof Error ? error.message : error}\n${told}`, {
      cause: error,
    });
  }
}

async function runUnderFaults(rig: Rig, plan: ChaosPlan): Promise<Run[]> {
  const runs: Run[] = [];
  let kills = 0;
  const isEnough = (): boolean => runs.length >= plan.runs && kills >= plan.kills;
  const random = newRandom(plan.seed);
  const faults = (async () => {
    while (!isEnough()) {
      await pass(random.between(0, QUIET_MS));
      const fault = drawFault(rig, random);
      plan.say(`${runs.length} runs, ${kills} kills: ${fault.name}`);
      await fault.happen();
      if (fault.isKill) kills++;
    }
  })();
  const people = Array.from({ length: LOAD }, async (_, index) => {
    const own = newRandom(plan.seed * 1_000 + index);
    while (!isEnough()) {
      const run = { id: `chaos-${crypto.randomUUID()}`, play: own.pick(PLAYS) };
      runs.push(run);
      await start(rig, run, own);
      await untilOver(rig, run, () => faultsEndedAt);
    }
  });
  let faultsEndedAt = Infinity;
  await Promise.all([faults.then(() => faultsEndedAt = performance.now()), ...people]);
  return runs;
}

/**
 * Until it is accepted. An answer that was lost is asked for again with the same id, by us, or by `fetch` itself: Deno sends a
 * request again whose connection was closed before the answer. So "exists already" is an answer too.
 */
async function start(rig: Rig, run: Run, random: Random): Promise<void> {
  const place = random.chance(0.5) ? "start" : "enqueue";
  for (;;) {
    const answer = await call(rig, `/dags/${run.play.name}/${place}`, { dagRunId: run.id });
    if (answer?.status === 200 || answer?.status === 409) return;
    if (answer !== null && answer.status < 500) assert.fail(`${run.id}: ${answer.status} ${answer.text}`);
    await pass(200);
  }
}

async function untilOver(rig: Rig, run: Run, faultsEndedAt: () => number): Promise<void> {
  for (;;) {
    const answer = await call(rig, pathOf(run));
    assert.notEqual(answer?.status, 404, `${run.id} was accepted and is lost`);
    if (answer?.status === 200) {
      const { dagRunDetails } = JSON.parse(answer.text);
      // At once, while the parts still have said why.
      if (FINAL.includes(dagRunDetails.statusLabel)) return checkEnd(run, dagRunDetails);
    }
    const waitedMs = performance.now() - faultsEndedAt();
    assert.ok(waitedMs < PATIENCE_MS, `${run.play.name} ${run.id} does not end: ${answer?.text}`);
    await pass(300);
  }
}

function checkEnd(
  { play, id }: Run,
  details: { statusLabel: string; failure: { code: string } | null },
): void {
  const end = details.failure === null ? details.statusLabel : details.failure.code;
  assert.equal(end, play.end, `${play.name} ${id}: ${JSON.stringify(details)}`);
}

// ---- afterwards -------------------------------------------------------------------------------------------------

async function checkRun(rig: Rig, run: Run): Promise<void> {
  const read = async (path: string): Promise<string> => {
    const answer = await call(rig, `${pathOf(run)}${path}`);
    assert.equal(answer?.status, 200, `${run.id}${path}: ${answer?.text}`);
    return answer?.text ?? "";
  };
  const about = `${run.play.name} ${run.id}`;
  const { dagRunDetails } = JSON.parse(await read(""));
  checkEnd(run, dagRunDetails);
  const { events } = JSON.parse(await read("/events"));
  const ends = events.filter((event: { type: string }) => event.type === "attempt.finished");
  assert.equal(ends.length, 1, `${about} ended ${ends.length} times: ${JSON.stringify(events)}`);
  try {
    await run.play.check((step) => read(`/steps/${step}/log/download`));
  } catch (error) {
    throw new Error(`${about}: ${error instanceof Error ? error.message : error}\n${JSON.stringify(events)}`);
  }
}

async function checkNothingLeft(rig: Rig, runs: readonly Run[]): Promise<void> {
  for (const run of runs) assert.deepEqual(await leftContainers(rig.engine, run.id), [], run.id);
  for (const home of rig.runnerHomes) {
    const attempts = join(home, "runner", "attempts");
    const left = await Array.fromAsync(Deno.readDir(attempts), (entry) => entry.name).catch(() => []);
    assert.deepEqual(left, [], `spools are left in ${attempts}`);
    assert.deepEqual(await processesIn(home), [], `processes are left that work in ${home}`);
  }
}

/** Ids of the processes whose working directory is below the folder. */
async function processesIn(folder: string): Promise<string[]> {
  const ids = await Array.fromAsync(Deno.readDir("/proc"), (entry) => entry.name);
  const isIn = async (id: string): Promise<boolean> =>
    (await Deno.readLink(`/proc/${id}/cwd`).catch(() => "")).startsWith(`${folder}/`);
  const found = await Promise.all(ids.map(async (id) => /^\d+$/.test(id) && await isIn(id) ? [id] : []));
  return found.flat();
}

// ---- calls ------------------------------------------------------------------------------------------------------

function pathOf(run: Run): string {
  return `/dag-runs/${run.play.name}/${run.id}`;
}

/** null: no answer came. */
async function call(
  rig: Rig,
  path: string,
  body?: unknown,
): Promise<{ status: number; text: string } | null> {
  try {
    const response = await fetch(`${rig.url}/api/v1${path}`, {
      ...(body === undefined
        ? {}
        : { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(15_000),
    });
    return { status: response.status, text: await response.text() };
  } catch {
    return null;
  }
}

function pass(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
