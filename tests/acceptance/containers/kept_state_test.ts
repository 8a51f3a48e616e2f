/** What of a container outlives an attempt of its run, and who talks to engines: containers contract 1.1.3, 3.2.3, 3.8. */
import assert from "node:assert/strict";
import { ENGINE_NAMES, engineUnderTest } from "../../support/engines.ts";
import { freePort } from "../../support/dagu.ts";
import { leftContainers } from "../../support/left-containers.ts";
import { openCase } from "../case.ts";

for (const name of ENGINE_NAMES) {
  Deno.test(`3.2.3 a retry of the run has a fresh container; its mounts carry over (${name})`, async () => {
    const engine = engineUnderTest(name);
    await using on = await openCase(`container: {image: "alpine:3.20", volumes: ["@W:/w"]}
steps:
  - {id: a, run: "test ! -e /tmp/f; touch /tmp/f; hostname >> /w/seen; test $(wc -l < /w/seen) -ge 2"}
`);
    const runId = `ac-3-2-3-${name}`;
    assert.equal((await on.run(["start", "--run-id", runId, "w.yaml"], engine.env)).code, 1);
    const retried = await on.run(["retry", "--run-id", runId, "w"], engine.env);
    assert.equal(retried.code, 0, retried.stdout + retried.stderr);
    const [first, second] = (await on.read("seen") ?? "").trim().split("\n");
    assert.ok(first && second && first !== second, `${first} ${second}`);
    assert.deepEqual(await leftContainers(engine, runId), []);
  });

  Deno.test(`3.8 OD-12 who waits for a person has no container; who goes on has a new one (${name})`, async () => {
    const engine = engineUnderTest(name);
    await using on = await openCase(`container: {image: "alpine:3.20", volumes: ["@W:/w"]}
steps:
  - {id: a, run: "touch /tmp/f; hostname >> /w/seen", approval: {}}
  - {id: b, depends: a, run: "test ! -e /tmp/f; hostname >> /w/seen"}
`);
    const runId = `ac-3-8-${name}`;
    const started = await on.run(["start", "--run-id", runId, "w.yaml"], engine.env);
    assert.match(started.stdout, /Waiting/, started.stderr);
    assert.deepEqual(await leftContainers(engine, runId), []);
    const approved = await on.run(["approve", "w", "--run-id", runId, "--step", "a"], engine.env);
    assert.equal(approved.code, 0, approved.stdout + approved.stderr);
    const [first, second] = (await on.read("seen") ?? "").trim().split("\n");
    assert.ok(first && second && first !== second, `${first} ${second}`);
    assert.deepEqual(await leftContainers(engine, runId), []);
  });
}

Deno.test("1.1.3 a control plane asks no engine, whatever its environment says", async () => {
  await using on = await openCase(`container: {image: "alpine:3.20"}
steps: [{id: a, run: "true"}]
`);
  const path = `${on.home}/trap.sock`;
  let calls = 0;
  const trap = Deno.listen({ transport: "unix", path });
  const trapping = (async () => {
    for await (const call of trap) {
      calls++;
      call.close();
    }
  })();
  {
    const env = { DAGU_CONTAINER_RUNTIME: "docker", DOCKER_HOST: `unix://${path}` };
    await using server = on.spawn(["server", "--port", String(freePort()), "--dags", "@W"], env);
    await server.said("dagu server on");
    const queued = await on.run(["enqueue", "--run-id", "ac-1-1-3", "w.yaml"], env);
    assert.equal(queued.code, 0, queued.stderr);
    assert.equal((await on.run(["status", "w"], env)).code, 0);
  }
  trap.close();
  await trapping;
  assert.equal(calls, 0);
});
