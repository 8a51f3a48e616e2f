/** What needs the service (workflow-language contract 10.12). */
import assert from "node:assert/strict";
import { openCase, openService, type Service, until } from "./case.ts";

Deno.test("T-91 R-31 R-36 two queued runs of a workflow go one after the other", async () => {
  await using on = await openCase(`steps:
  - id: s
    run: |
      echo "start $DAG_RUN_ID" >> @W/log
      while [ ! -e @W/go ]; do sleep 0.1; done
      echo "end $DAG_RUN_ID" >> @W/log
`);
  await using service = await openService(on);
  for (const runId of ["first", "second"]) {
    const { code, stdout, stderr } = await on.run(["enqueue", "--run-id", runId, "w.yaml"]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, new RegExp(`^.*${runId}.*\n$`), "one line confirms it");
  }
  await until("the first run has started", () => on.read("log"));
  assert.deepEqual([await service.status("first"), await service.status("second")], ["running", "queued"]);
  assert.equal(await on.read("log"), "start first\n");
  await on.write("go", "");
  const end = await ended(service, "second");
  assert.deepEqual([end, await service.status("first")], ["succeeded", "succeeded"]);
  assert.equal(await on.read("log"), "start first\nend first\nstart second\nend second\n");
});

Deno.test("T-92 a failing run is retried as a whole; its failure handler runs once, at the last", async () => {
  await using on = await openCase(`retry_policy: {limit: 2, interval_sec: 1}
handler_on:
  failure: {run: "echo F >> @W/h"}
  exit: {run: "echo E >> @W/h"}
steps: [{id: s, run: 'echo "$DAG_RUN_ID" >> @W/n; exit 1'}]
`);
  await using service = await openService(on);
  assert.equal((await on.run(["enqueue", "--run-id", "r92", "w.yaml"])).code, 0);
  await until("the run has failed for good", async () => {
    const exits = (await on.read("h") ?? "").split("E").length - 1;
    return exits >= 3 && await service.status("r92") === "failed" ? true : null;
  });
  assert.deepEqual([await on.read("n"), await on.read("h")], ["r92\nr92\nr92\n", "E\nE\nF\nE\n"]);
});

Deno.test("T-93 the service is killed while a step runs: the run ends, the step is never there twice", async () => {
  await using on = await openCase(`steps:
  - id: s
    run: |
      for pid in $(cat @W/pids 2>/dev/null); do kill -0 "$pid" && touch @W/twice; done 2>/dev/null
      echo $$ >> @W/pids
      sleep 3
`);
  {
    await using killed = await openService(on);
    assert.equal((await on.run(["enqueue", "--run-id", "r93", "w.yaml"])).code, 0);
    await until("the step runs", () => on.read("pids"));
    await killed.kill();
  }
  await using service = await openService(on);
  const end = await ended(service, "r93");
  assert.ok(["succeeded", "failed"].includes(end), end);
  assert.equal(await on.read("twice"), null);
});

Deno.test("T-94 R-44 a webhook hands its body and the wanted headers to the run", async () => {
  await using on = await openCase(`webhook: {forward_headers: [X-Event]}
steps:
  - {id: s, run: 'printf %s "$WEBHOOK_PAYLOAD" > @W/p; printf %s "$WEBHOOK_HEADERS" > @W/h; touch @W/done'}
`);
  await using service = await openService(on);
  const { token } = await service.post("/dags/w/webhook", "{}");
  await service.post("/webhooks/w", '{ "a": [1, "b"] }', {
    Authorization: `Bearer ${token}`,
    "X-Event": "ping",
    "X-Other": "private",
  });
  await until("the step has run", () => on.read("done"));
  assert.deepEqual([await on.read("p"), await on.read("h")], ['{ "a": [1, "b"] }', '{"x-event":["ping"]}']);
});

async function ended(service: Service, runId: string): Promise<string> {
  return await until(`run ${runId} has ended`, async () => {
    const status = await service.status(runId);
    return ["queued", "not_started", "running"].includes(status) ? null : status;
  });
}
