/** A run whose machine stands still goes on with another one (RT-09), on real processes. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { freePort, type RunningDagu, spawnDagu } from "../support/dagu.ts";
import { openTestDatabase } from "../support/database.ts";
import { postJson } from "../support/http.ts";

const spec = (marks: string): string => `
on_lost: retry
steps:
  - id: first
    run: echo once >> "${marks}/first"
  - id: second
    depends: first
    run: |
      echo $$ >> "${marks}/second"
      test "$(wc -l < "${marks}/second")" -ge 2 || sleep 600
`;

async function linesOf(path: string): Promise<string[]> {
  return (await Deno.readTextFile(path).catch(() => "")).split("\n").filter((line) => line !== "");
}

Deno.test("RT-09 INV-02 a run goes on elsewhere while its runner stands still, which ends its own part", async () => {
  await using database = await openTestDatabase("postgres");
  const folder = await Deno.makeTempDir({ prefix: "dagu-e2e-" });
  const marks = join(folder, "marks");
  await Deno.mkdir(join(folder, "server", "dags"), { recursive: true });
  await Deno.mkdir(marks);
  await Deno.writeTextFile(join(folder, "server", "dags", "lost.yaml"), spec(marks));
  {
    const port = freePort();
    const url = `http://127.0.0.1:${port}`;
    const patience = { DAGU_RUNS_LEASE: "30s", DAGU_RUNS_GRACE: "0s" };
    await using server = spawnDagu({
      args: ["server", "--port", String(port)],
      env: { DAGU_HOME: join(folder, "server"), DATABASE_URL: database.url ?? "", ...patience },
    });
    await server.said("dagu server on");
    const startWorker = async (name: string): Promise<RunningDagu> => {
      const { token } = await postJson(`${url}/api/v1/runners/registration-tokens`);
      const env = { DAGU_HOME: join(folder, name), DAGU_RUNNER_REGISTRATION_TOKEN: String(token) };
      const worker = spawnDagu({ args: ["worker", "--url", url], env });
      await worker.said("runner ready");
      return worker;
    };
    await using one = await startWorker("one");
    await postJson(`${url}/api/v1/dags/lost/start`, { dagRunId: "lost-1" });
    // The state from which it goes on is what the control plane was told.
    while (!(await (await fetch(`${url}/api/v1/dag-runs/lost/lost-1/events`)).text()).includes('"second"')) {
      await new Promise((go) => setTimeout(go, 50));
    }
    while ((await linesOf(join(marks, "second"))).length === 0) await new Promise((go) => setTimeout(go, 50));
    one.kill("SIGSTOP");
    await using two = await startWorker("two");
    await two.said("attempt ended");

    const { dagRunDetails } = await (await fetch(`${url}/api/v1/dag-runs/lost/lost-1`)).json();
    assert.equal(dagRunDetails.statusLabel, "succeeded", JSON.stringify(dagRunDetails));
    assert.equal(dagRunDetails.autoRetryCount, 1);
    assert.deepEqual(await linesOf(join(marks, "first")), ["once"], "what was done is not done again");
    const [left = "", ...others] = await linesOf(join(marks, "second"));
    assert.equal(others.length, 1);

    one.kill("SIGCONT");
    await one.said("attempt ended");
    await assert.rejects(Deno.stat(`/proc/${left}`), Deno.errors.NotFound, "it ended what it executed");
    const after = await (await fetch(`${url}/api/v1/dag-runs/lost/lost-1`)).json();
    assert.equal(after.dagRunDetails.statusLabel, "succeeded", "INV-09 a late runner changes nothing");
  }
  await Deno.remove(folder, { recursive: true });
});
