/**
 * Many containers, and runs stopped at any moment: nothing is mixed up, and nothing is left. MANY_CONTAINERS and MANY_STOPS set
 * how many (default 16 and 4) on each engine.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { freePort, spawnDagu } from "../support/dagu.ts";
import { ENGINE_NAMES, type EngineUnderTest, engineUnderTest } from "../support/engines.ts";
import { followToEnd, getText, postJson } from "../support/http.ts";
import { leftContainers } from "../support/left-containers.ts";

const CONTAINERS = Number(Deno.env.get("MANY_CONTAINERS") ?? "16");
const STOPS = Number(Deno.env.get("MANY_STOPS") ?? "4");
const STOPS_AT_ONCE = 4;
const AT_ONCE = 8;
const LINES = 50;

interface Bench extends AsyncDisposable {
  readonly engine: EngineUnderTest;
  readonly api: string;
}

async function openBench(engine: EngineUnderTest): Promise<Bench> {
  const home = await Deno.makeTempDir({ prefix: "dagu-e2e-" });
  await Deno.chmod(home, 0o755);
  const port = freePort();
  const server = spawnDagu({
    args: ["start-all", "--port", `${port}`],
    env: { ...engine.env, DAGU_HOME: join(home, "home"), DAGU_RUNNER_CAPACITY: `${STOPS_AT_ONCE}` },
  });
  await server.said("runner ready");
  return {
    engine,
    api: `http://127.0.0.1:${port}/api/v1`,
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      await Deno.remove(home, { recursive: true });
    },
  };
}

/** Every third step fails, each with a code of its own. */
function exitCodeOf(n: number): number {
  return n % 3 === 0 ? 1 + n % 100 : 0;
}

function manySteps(): string {
  const step = (n: number): string => `
  - id: s${n}
    container: {image: "alpine:3.20", network: none}
    continue_on: {failure: true}
    run: |
      i=1
      while [ $i -le ${LINES} ]; do printf '%s:%s\\001\\n' ${n} $i; echo "e ${n} $i" >&2; i=$((i+1)); done
      exit ${exitCodeOf(n)}`;
  const steps = Array.from({ length: CONTAINERS }, (_, n) => step(n));
  return `type: graph\nmax_active_steps: ${AT_ONCE}\nsteps:${steps.join("")}\n`;
}

const lines = (text: (line: number) => string): string =>
  Array.from({ length: LINES }, (_, index) => text(index + 1)).join("");

interface Node {
  readonly step: { readonly name: string };
  readonly exitCode: number;
}

for (const name of ENGINE_NAMES) {
  Deno.test(`many step containers at once: every exit code and every byte (${name})`, async () => {
    await using bench = await openBench(engineUnderTest(name));
    const { dagRunId } = await postJson(`${bench.api}/dag-runs`, { spec: manySteps(), name: "many" });
    const run = `${bench.api}/dag-runs/many/${dagRunId}`;
    const details = await followToEnd(run);
    assert.equal(details["statusLabel"], "partially_succeeded", JSON.stringify(details).slice(0, 2_000));
    const nodes = details["nodes"] as readonly Node[];
    assert.deepEqual(
      nodes.map(({ step, exitCode }) => [step.name, exitCode]),
      Array.from({ length: CONTAINERS }, (_, n) => [`s${n}`, exitCodeOf(n)]),
    );
    for (let n = 0; n < CONTAINERS; n++) {
      const log = (stream: string): Promise<string> =>
        getText(`${run}/steps/s${n}/log/download?stream=${stream}`);
      assert.equal(await log("stdout"), lines((line) => `${n}:${line}\u0001\n`));
      assert.equal(await log("stderr"), lines((line) => `e ${n} ${line}\n`));
    }
    assert.deepEqual(await leftContainers(bench.engine, String(dagRunId)), []);
  });

  Deno.test(`runs stopped at any moment leave nothing (${name})`, async () => {
    await using bench = await openBench(engineUnderTest(name));
    for (let stopped = 0; stopped < STOPS; stopped += STOPS_AT_ONCE) {
      await Promise.all(Array.from({ length: STOPS_AT_ONCE }, () => stopAtAnyMoment(bench)));
    }
  });
}

const STOPPED = `
type: graph
container: {image: "alpine:3.20", name: "dagu-stop-@ID"}
steps:
  - {id: shared, run: "sleep 1; echo shared; sleep 30"}
  - id: own
    container: {image: "alpine:3.20", network: private}
    run: "trap 'exit 0' TERM; sleep 1 & wait; echo own; sleep 30 & wait"
`;

async function stopAtAnyMoment({ api, engine }: Bench): Promise<void> {
  const id = crypto.randomUUID().slice(0, 8);
  const { dagRunId } = await postJson(`${api}/dag-runs`, {
    spec: STOPPED.replace("@ID", id),
    name: "stopped",
    dagRunId: id,
  });
  const run = `${api}/dag-runs/stopped/${dagRunId}`;
  const afterMs = Math.round(Math.random() * 3_000);
  await new Promise((resolve) => setTimeout(resolve, afterMs));
  await postJson(`${run}/stop`, {});
  const details = await followToEnd(run);
  const about = `stopped after ${afterMs} ms: ${JSON.stringify(details)}`;
  assert.equal(details["statusLabel"], "aborted", about);
  assert.deepEqual(await leftContainers(engine, id), [], about);
}
