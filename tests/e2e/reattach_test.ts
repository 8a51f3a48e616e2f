/**
 * AC-80: a runner that is killed in the middle of a container's ten seconds of work and started again goes on with it, and
 * every line of both streams is told once. REATTACH_MOMENTS sets at how many random moments it is killed on each engine
 * (default 2), REATTACH_LANES how many runners are killed side by side (default 2), each with runs of its own.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { freePort, spawnDagu } from "../support/dagu.ts";
import { openTestDatabase } from "../support/database.ts";
import { ENGINE_NAMES, type EngineUnderTest, engineUnderTest } from "../support/engines.ts";
import { leftContainers } from "../support/left-containers.ts";
import { followToEnd, postJson } from "../support/http.ts";

const MOMENTS = Number(Deno.env.get("REATTACH_MOMENTS") ?? "2");
const LANES = Math.min(MOMENTS, Number(Deno.env.get("REATTACH_LANES") ?? "2"));
const LINES = 100;
/** From before the container is there until after it has ended. */
const SPAN_MS = 12_500;

const specOf = (lane: number): string => `
type: graph
worker_selector: {lane: "${lane}"}
steps:
  - id: count
    container: {image: "alpine:3.20"}
    output: COUNTED
    run: |
      i=1
      while [ $i -le ${LINES} ]; do
        echo "out $i"; echo "err $i" >&2; printf 'end %s\\n' $i
        i=$((i+1)); sleep 0.1
      done
  - id: after
    depends: [count]
    retry_policy: {limit: 1, interval_sec: 1}
    run: echo "$COUNTED" | tail -1
`;

/** Its steps share a container, and what the second does takes long enough to be killed in. */
const SHARED = `
container: {image: "alpine:3.20"}
steps:
  - {id: first, run: "hostname > /tmp/name; cat /tmp/name"}
  - id: second
    depends: [first]
    retry_policy: {limit: 1, interval_sec: 1}
    run: "hostname; cat /tmp/name; sleep 3; echo over"
`;

const numbers = Array.from({ length: LINES }, (_, index) => index + 1);
const STDOUT = numbers.map((n) => `out ${n}\nend ${n}\n`).join("");
const STDERR = numbers.map((n) => `err ${n}\n`).join("");

interface Bench extends AsyncDisposable {
  readonly url: string;
  readonly engine: EngineUnderTest;
  /** Of a lane; at most one at a time. */
  startWorker(lane: number): ReturnType<typeof spawnDagu>;
}

async function openBench(engine: EngineUnderTest): Promise<Bench> {
  const database = await openTestDatabase("postgres");
  const serverHome = await Deno.makeTempDir({ prefix: "dagu-e2e-" });
  const workerHome = await Deno.makeTempDir({ prefix: "dagu-e2e-" });
  await Deno.chmod(workerHome, 0o755);
  await Deno.mkdir(join(serverHome, "dags"));
  for (let lane = 0; lane < LANES; lane++) {
    await Deno.writeTextFile(join(serverHome, "dags", `count-${lane}.yaml`), specOf(lane));
  }
  await Deno.writeTextFile(join(serverHome, "dags", "shared.yaml"), SHARED);
  const port = freePort();
  const url = `http://127.0.0.1:${port}`;
  const server = spawnDagu({
    args: ["server", "--port", String(port)],
    env: { DAGU_HOME: serverHome, DATABASE_URL: database.url ?? "" },
  });
  await server.said("dagu server on");
  const { token } = await postJson(`${url}/api/v1/runners/registration-tokens`, { uses: LANES });
  return {
    url,
    engine,
    startWorker: (lane) =>
      spawnDagu({
        args: ["worker", "--url", url, "--labels", `lane=${lane}`],
        env: {
          ...engine.env,
          DAGU_HOME: join(workerHome, String(lane)),
          DAGU_RUNNER_REGISTRATION_TOKEN: String(token),
        },
      }),
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
      await Deno.remove(serverHome, { recursive: true });
      await Deno.remove(workerHome, { recursive: true });
    },
  };
}

for (const name of ENGINE_NAMES) {
  Deno.test(`AC-80 B03 a runner killed while a container works goes on with it (${name})`, async () => {
    await using bench = await openBench(engineUnderTest(name));
    await Promise.all(Array.from({ length: LANES }, (_, lane) => playLane(bench, lane)));
  });
}

for (const name of ENGINE_NAMES) {
  Deno.test(`B03 B04 a runner killed while the steps of a run share a container goes on in it (${name})`, async () => {
    await using bench = await openBench(engineUnderTest(name));
    const worker = { process: bench.startWorker(0) };
    try {
      await worker.process.said("runner ready");
      const runId = `shared-${crypto.randomUUID().slice(0, 8)}`;
      const run = `${bench.url}/api/v1/dag-runs/shared/${runId}`;
      await postJson(`${bench.url}/api/v1/dags/shared/start`, { dagRunId: runId });
      const log = async (step: string): Promise<string> =>
        await (await fetch(`${run}/steps/${step}/log/download?stream=stdout`)).text();
      while (!/^[0-9a-f]{12}\n[0-9a-f]{12}\n/.test(await log("second"))) {
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      await startAnew(bench, worker, 0);
      const details = await followToEnd(run);
      const about = `${JSON.stringify(details)}\n${worker.process.stderr()}`;
      assert.equal(details["statusLabel"], "succeeded", about);
      const id = (await log("first")).trim();
      assert.match(id, /^[0-9a-f]{12}$/, about);
      // What was killed had said so far; the new try finds the same container and its file.
      assert.equal(await log("second"), `${id}\n${id}\n${id}\n${id}\nover\n`, about);
      assert.deepEqual(await leftContainers(bench.engine, runId), [], about);
    } finally {
      await worker.process[Symbol.asyncDispose]();
    }
  });
}

/** Each moment is in a part of the span of its own, whichever lane has it. */
async function playLane(bench: Bench, lane: number): Promise<void> {
  const worker = { process: bench.startWorker(lane) };
  try {
    for (let moment = lane; moment < MOMENTS; moment += LANES) {
      await killOnce(bench, worker, lane, Math.round(((moment + Math.random()) / MOMENTS) * SPAN_MS));
    }
  } finally {
    await worker.process[Symbol.asyncDispose]();
  }
}

interface Worker {
  process: ReturnType<typeof spawnDagu>;
}

async function startAnew(bench: Bench, worker: Worker, lane: number): Promise<void> {
  worker.process.kill("SIGKILL");
  await worker.process[Symbol.asyncDispose]();
  worker.process = bench.startWorker(lane);
}

async function killOnce(bench: Bench, worker: Worker, lane: number, afterMs: number): Promise<void> {
  await worker.process.said("runner ready");
  const name = `count-${lane}`;
  const runId = `killed-${crypto.randomUUID().slice(0, 8)}`;
  const run = `${bench.url}/api/v1/dag-runs/${name}/${runId}`;
  await postJson(`${bench.url}/api/v1/dags/${name}/start`, { dagRunId: runId });
  await worker.process.said(runId);
  await new Promise((resolve) => setTimeout(resolve, afterMs));
  await startAnew(bench, worker, lane);
  const details = await followToEnd(run);
  const about = `killed after ${afterMs} ms: ${JSON.stringify(details)}\n${worker.process.stderr()}`;
  assert.equal(details["statusLabel"], "succeeded", about);
  const log = async (step: string, stream: string): Promise<string> =>
    await (await fetch(`${run}/steps/${step}/log/download?stream=${stream}`)).text();
  assert.equal(await log("count", "stdout"), STDOUT, about);
  assert.equal(await log("count", "stderr"), STDERR, about);
  // A process on the host ends with its runner: killed then, the step is tried again, and says it again.
  assert.match(await log("after", "stdout"), new RegExp(`^(end ${LINES}\n){1,2}$`), about);
  assert.deepEqual(await leftContainers(bench.engine, runId), [], about);
}
