/**
 * What a crash of ours costs a run: nothing. OUTAGE_RUNS and OUTAGE_SECONDS set how many containers run when the control plane
 * is killed, and for how long it stays away: some of them end meanwhile, others after it.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { freePort, spawnDagu } from "../support/dagu.ts";
import { openTestDatabase } from "../support/database.ts";
import { engineUnderTest } from "../support/engines.ts";
import { leftContainers } from "../support/left-containers.ts";
import { postJson } from "../support/http.ts";

const RUNS = Number(Deno.env.get("OUTAGE_RUNS") ?? "3");
const OUTAGE_S = Number(Deno.env.get("OUTAGE_SECONDS") ?? "4");
/** What a run takes beside the outage, while it begins and others do. */
const BASE_S = 8;
const LINES = 20;
const LOG = Array.from({ length: LINES }, (_, index) => `line ${index + 1}\n`).join("");
const SPEC = `
params: [{PAUSE: "1"}]
steps:
  - id: count
    container: {image: "alpine:3.20"}
    run: |
      i=1
      while [ $i -le ${LINES} ]; do echo "line $i"; i=$((i+1)); sleep $PAUSE; done
`;

/** From half the outage to half as long again. */
function pauseOf(run: number): string {
  return ((BASE_S + OUTAGE_S * (0.5 + run / RUNS)) / LINES).toFixed(2);
}

Deno.test("RS-03 the control plane killed while containers run: all runs succeed with their whole logs", async () => {
  const engine = engineUnderTest("podman");
  await using database = await openTestDatabase("postgres");
  const serverHome = await Deno.makeTempDir({ prefix: "dagu-e2e-" });
  const workerHome = await Deno.makeTempDir({ prefix: "dagu-e2e-" });
  await Deno.writeTextFile(join(await dirOf(serverHome, "dags"), "count.yaml"), SPEC);
  const port = freePort();
  const url = `http://127.0.0.1:${port}`;
  const serverOptions = {
    args: ["server", "--port", String(port)],
    env: { DAGU_HOME: serverHome, DATABASE_URL: database.url ?? "" },
  };
  const ids = Array.from({ length: RUNS }, () => `outage-${crypto.randomUUID().slice(0, 8)}`);
  const runOf = (id: string): string => `${url}/api/v1/dag-runs/count/${id}`;
  {
    const first = spawnDagu(serverOptions);
    await first.said("dagu server on");
    const { token } = await postJson(`${url}/api/v1/runners/registration-tokens`);
    await using worker = spawnDagu({
      args: ["worker", "--url", url, "--capacity", String(RUNS)],
      env: { ...engine.env, DAGU_HOME: workerHome, DAGU_RUNNER_REGISTRATION_TOKEN: String(token) },
    });
    await worker.said("runner ready");
    for (const [run, dagRunId] of ids.entries()) {
      await postJson(`${url}/api/v1/dags/count/start`, { dagRunId, params: `PAUSE=${pauseOf(run)}` });
    }
    await Promise.all(ids.map((id) => readUntil(`${runOf(id)}/steps/count/log/stream`, "event: chunk")));
    first.kill("SIGKILL");
    await first[Symbol.asyncDispose]();
    await new Promise((resolve) => setTimeout(resolve, OUTAGE_S * 1_000));

    await using second = spawnDagu(serverOptions);
    await second.said("dagu server on");
    await Promise.all(ids.map((id) => readUntil(`${runOf(id)}/stream`, '"statusLabel":"succeeded"')));
    for (const id of ids) {
      const { dagRunDetails } = await (await fetch(runOf(id))).json();
      assert.equal(dagRunDetails.statusLabel, "succeeded", JSON.stringify(dagRunDetails));
      assert.equal(await (await fetch(`${runOf(id)}/steps/count/log/download`)).text(), LOG);
      assert.deepEqual(await leftContainers(engine, id), []);
    }
  }
  await Deno.remove(serverHome, { recursive: true });
  await Deno.remove(workerHome, { recursive: true });
});

async function dirOf(home: string, name: string): Promise<string> {
  const dir = join(home, name);
  await Deno.mkdir(dir, { recursive: true });
  return dir;
}

/** Reads an event stream until it says so, or ends. */
async function readUntil(url: string, text: string): Promise<void> {
  const response = await fetch(url);
  assert.ok(response.body !== null);
  let told = "";
  for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
    told = told.slice(-text.length) + piece;
    if (told.includes(text)) return;
  }
}
