/** Operating a server from the command line: its queues and its runners. */
import assert from "node:assert/strict";
import { openCase, openService, until } from "./case.ts";

Deno.test("CM-22 QU-17 dagu queue: width, rate, pause, what waits", async () => {
  await using on = await openCase(
    "queue: line\nsteps: [{id: s, run: 'while [ ! -e @W/go ]; do sleep 0.1; done'}]\n",
  );
  await using service = await openService(on);
  const said = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await on.run(args);
    assert.equal(code, 0, stderr);
    return stdout + stderr;
  };
  assert.equal(await said("queue"), "nothing is queued, and no queue is set\n");
  assert.equal(await said("queue", "set", "line", "--max-concurrency", "2"), "queue line: 2 at once\n");
  const rated = await said("queue", "set", "line", "--rate", "10/1m");
  assert.equal(rated, "queue line: 2 at once, 10 in 60 s\n");
  assert.equal(await said("queue", "set", "line", "--rate", "0"), "queue line: 2 at once\n");
  assert.equal(await said("queue", "pause", "line"), "queue line: 2 at once, paused\n");
  await said("enqueue", "--run-id", "one", "w.yaml");
  assert.match(await said("queue", "list"), /\nline +0 +1 +2 +paused +20\d\d-/);
  assert.equal(await service.status("one"), "queued");
  assert.equal(await said("queue", "resume", "line"), "queue line: 2 at once\n");
  await until("the run is claimed", async () => await service.status("one") === "running" ? true : null);
  assert.match(await said("queue"), /\nline +1 +0 +2 +open +-\n/);
  const second = await on.run(["enqueue", "--run-id", "two", "--singleton", "w.yaml"]);
  assert.equal(second.code, 1);
  assert.match(second.stderr, /run w:one is running, and this one is to be the only one/);
  await on.write("go", "");
  for (
    const [args, message] of [
      [["queue", "set", "line"], "dagu queue set needs --max-concurrency N"],
      [
        ["queue", "set", "line", "--max-concurrency", "many"],
        "--max-concurrency must be a number from 0 to 10000",
      ],
      [["queue", "set", "line", "--rate", "often"], "--rate must be such as 10/60s, or 0 for none"],
      [["queue", "pause"], "Usage: dagu queue"],
    ] as const
  ) {
    const { code, stderr } = await on.run(args);
    assert.deepEqual([code, stderr.includes(message)], [1, true], stderr);
  }
});

Deno.test("AP-96 dagu runners: list, drain, resume", async () => {
  await using on = await openCase("steps: [{id: s, run: 'touch @W/done'}]\n");
  await using service = await openService(on);
  const said = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await on.run(args);
    assert.equal(code, 0, stderr);
    return stdout + stderr;
  };
  const [, name = "", state] = /\n(\S+) +(\S+) +healthy /.exec(await said("runners")) ?? [];
  assert.equal(state, "active");
  assert.match(await said("runners", "drain", name), /finishes what it has and takes nothing new/);
  assert.match(await said("runners"), /draining/);
  await said("enqueue", "--run-id", "one", "w.yaml");
  assert.equal(await service.status("one"), "queued");
  await said("runners", "resume", name);
  await until("the run is over", async () => await service.status("one") === "succeeded" ? true : null);
  const { code, stderr } = await on.run(["runners", "revoke", "nobody"]);
  assert.deepEqual([code, stderr], [1, 'dagu runners: there is no runner "nobody"\n']);
});
