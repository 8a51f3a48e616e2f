/**
 * The seed's two examples, byte for byte, on each engine and by each way in: `dagu start`; a signed webhook against
 * `dagu start-all`; a webhook against `dagu server` on Postgres with `dagu worker` in a process that shares no file with it.
 * SPINE_REPEAT sets how often each is run (default 1).
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { signatureOf } from "../../src/server/triggers/signature.ts";
import { dagu, freePort, spawnDagu } from "../support/dagu.ts";
import { openTestDatabase } from "../support/database.ts";
import { ENGINE_NAMES, type EngineUnderTest, engineUnderTest } from "../support/engines.ts";
import { leftContainers } from "../support/left-containers.ts";
import { followToEnd, postJson } from "../support/http.ts";

const EXAMPLES = fileURLToPath(new URL("../../examples/", import.meta.url));
const REPEAT = Number(Deno.env.get("SPINE_REPEAT") ?? "1");
const SEEDS = ["shared-container", "step-container"] as const;
type Seed = (typeof SEEDS)[number];

/** What the seed's last step prints. */
const STDOUT: Readonly<Record<Seed, string>> = {
  "shared-container": "from command step\n3.20.0",
  "step-container": "/workspace\n./a.txt\n./b.txt",
};
const LAST_STEP: Readonly<Record<Seed, string>> = {
  "shared-container": "read_file",
  "step-container": "inspect",
};

/** The run's own work folder on the runner: the base of the seed's relative volumes. */
async function prepare(home: string, seed: Seed, runId: string): Promise<string> {
  const work = join(home, "runner", "runs", seed, runId, "work");
  if (seed === "step-container") {
    await Deno.mkdir(work, { recursive: true });
    for (const name of ["a.txt", "b.txt"]) await Deno.writeTextFile(join(work, name), name);
  }
  return work;
}

async function checkLeftovers(
  engine: EngineUnderTest,
  seed: Seed,
  runId: string,
  work: string,
): Promise<void> {
  assert.deepEqual(await leftContainers(engine, runId), [], "no container of the run is left");
  if (seed === "shared-container") {
    assert.equal(await Deno.readTextFile(join(work, "shared.txt")), "from command step\n");
  }
}

for (const name of ENGINE_NAMES) {
  Deno.test(`AC-01 AC-02 the seeds by dagu start (${name})`, async () => {
    const engine = engineUnderTest(name);
    const home = await Deno.makeTempDir({ prefix: "dagu-e2e-" });
    await Deno.chmod(home, 0o755);
    for (let round = 0; round < REPEAT; round++) {
      for (const seed of SEEDS) {
        const runId = `start-${seed}-${round}`;
        const work = await prepare(home, seed, runId);
        const result = await dagu({
          args: ["start", "--run-id", runId, join(EXAMPLES, `${seed}.yaml`)],
          env: { ...engine.env, DAGU_HOME: home },
        });
        assert.equal(result.code, 0, result.stderr + result.stdout);
        const lines = STDOUT[seed].split("\n").map((line) => `${LAST_STEP[seed]} │ ${line}\n`).join("");
        assert.ok(result.stderr.includes(lines), result.stderr);
        await checkLeftovers(engine, seed, runId, work);
      }
    }
    await Deno.remove(home, { recursive: true });
  });

  Deno.test(`AC-01 AC-02 the seeds by a signed webhook against start-all (${name})`, async () => {
    const engine = engineUnderTest(name);
    const home = await Deno.makeTempDir({ prefix: "dagu-e2e-" });
    await Deno.chmod(home, 0o755);
    {
      const port = freePort();
      await using plane = spawnDagu({
        args: ["start-all", "--port", String(port), "--dags", EXAMPLES],
        env: { ...engine.env, DAGU_HOME: home },
      });
      await plane.said("runner ready");
      await driveByWebhook(engine, `http://127.0.0.1:${port}`, home);
    }
    await Deno.remove(home, { recursive: true });
  });

  Deno.test(`AC-01 AC-02 the seeds by a webhook against server on Postgres, worker apart (${name})`, async () => {
    const engine = engineUnderTest(name);
    await using database = await openTestDatabase("postgres");
    const serverHome = await Deno.makeTempDir({ prefix: "dagu-e2e-" });
    const workerHome = await Deno.makeTempDir({ prefix: "dagu-e2e-" });
    await Deno.chmod(workerHome, 0o755);
    {
      const port = freePort();
      const url = `http://127.0.0.1:${port}`;
      await using server = spawnDagu({
        args: ["server", "--port", String(port), "--dags", EXAMPLES],
        // The engine's variables belong to the runner: here they must mean nothing.
        env: { DAGU_HOME: serverHome, DATABASE_URL: database.url ?? "", DAGU_CONTAINER_RUNTIME: "nonsense" },
      });
      await server.said("dagu server on");
      const { token } = await postJson(`${url}/api/v1/runners/registration-tokens`, {});
      await using worker = spawnDagu({
        args: ["worker", "--url", url],
        env: { ...engine.env, DAGU_HOME: workerHome, DAGU_RUNNER_REGISTRATION_TOKEN: String(token) },
      });
      await worker.said("runner ready");
      await driveByWebhook(engine, url, workerHome);
    }
    await Deno.remove(serverHome, { recursive: true });
    await Deno.remove(workerHome, { recursive: true });
  });
}

async function driveByWebhook(engine: EngineUnderTest, url: string, runnerHome: string): Promise<void> {
  for (const seed of SEEDS) {
    const hook = `${url}/api/v1/dags/${seed}/webhook`;
    const { token } = await postJson(hook, {});
    const { hmacSecret } = await postJson(`${hook}/hmac/enable`, { authMode: "token_and_hmac" });
    for (let round = 0; round < REPEAT; round++) {
      const runId = `hook-${seed}-${round}`;
      const work = await prepare(runnerHome, seed, runId);
      const body = JSON.stringify({ dagRunId: runId });
      const accepted = await fetch(`${url}/api/v1/webhooks/${seed}`, {
        method: "POST",
        headers: {
          Authorization: `Bearer ${token}`,
          "X-Dagu-Signature": await signatureOf(String(hmacSecret), new TextEncoder().encode(body)),
          "Content-Type": "application/json",
        },
        body,
      });
      assert.deepEqual([accepted.status, await accepted.json()], [200, { dagRunId: runId, dagName: seed }]);
      const run = `${url}/api/v1/dag-runs/${seed}/${runId}`;
      const details = await followToEnd(run);
      assert.equal(details["statusLabel"], "succeeded", JSON.stringify(details));
      const log = await fetch(`${run}/steps/${LAST_STEP[seed]}/log/download`);
      assert.equal(await log.text(), `${STDOUT[seed]}\n`);
      await checkLeftovers(engine, seed, runId, work);
    }
  }
}
