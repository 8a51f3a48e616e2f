/** What a crash of ours costs a run: nothing. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { freePort, spawnDagu } from "../support/dagu.ts";
import { openTestDatabase } from "../support/database.ts";
import { engineUnderTest } from "../support/engines.ts";
import { leftContainers } from "../support/left-containers.ts";
import { postJson } from "../support/http.ts";

const LINES = 20;
const SPEC = `
steps:
  - id: count
    container: {image: "alpine:3.20"}
    run: |
      i=1
      while [ $i -le ${LINES} ]; do echo "line $i"; i=$((i+1)); sleep 0.5; done
`;

Deno.test("RS-03 the control plane killed while a container runs: the run succeeds with its whole log", async () => {
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
  const runId = `outage-${crypto.randomUUID().slice(0, 8)}`;
  {
    const first = spawnDagu(serverOptions);
    await first.said("dagu server on");
    const { token } = await postJson(`${url}/api/v1/runners/registration-tokens`);
    await using worker = spawnDagu({
      args: ["worker", "--url", url],
      env: { ...engine.env, DAGU_HOME: workerHome, DAGU_RUNNER_REGISTRATION_TOKEN: String(token) },
    });
    await worker.said("runner ready");
    await postJson(`${url}/api/v1/dags/count/start`, { dagRunId: runId });
    const run = `${url}/api/v1/dag-runs/count/${runId}`;
    await readUntil(`${run}/steps/count/log/stream`, "chunk");
    first.kill("SIGKILL");
    await first[Symbol.asyncDispose]();

    await using second = spawnDagu(serverOptions);
    await second.said("dagu server on");
    await worker.said("attempt ended");
    const { dagRunDetails } = await (await fetch(run)).json();
    assert.equal(dagRunDetails.statusLabel, "succeeded", JSON.stringify(dagRunDetails));
    const log = await (await fetch(`${run}/steps/count/log/download`)).text();
    assert.equal(log, Array.from({ length: LINES }, (_, index) => `line ${index + 1}\n`).join(""));
    assert.deepEqual(await leftContainers(engine, runId), []);
  }
  await Deno.remove(serverHome, { recursive: true });
  await Deno.remove(workerHome, { recursive: true });
});

async function dirOf(home: string, name: string): Promise<string> {
  const dir = join(home, name);
  await Deno.mkdir(dir, { recursive: true });
  return dir;
}

/** Reads an event stream until such an event has come. */
async function readUntil(url: string, event: string): Promise<void> {
  const response = await fetch(url);
  assert.ok(response.body !== null);
  const decoder = new TextDecoder();
  for await (const bytes of response.body) if (decoder.decode(bytes).includes(`event: ${event}`)) return;
}
