/** Operating a server from the command line: its queues and its runners. */
import assert from "node:assert/strict";
import { systemClock } from "../../src/runner/clock.ts";
import { openForgeServer } from "../support/forge-server.ts";
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

Deno.test("AU-40 WH-32 FG-05 dagu token, webhook, endpoint: made, listed, changed, taken away", async () => {
  await using on = await openCase("steps: [{id: s, run: 'true'}]\n");
  await using github = openForgeServer(systemClock());
  await using _service = await openService(on, {
    DAGU_CONTAINER_RUNTIME: "none",
    DAGU_GITHUB_API_URL: `${github.address}/`,
  });
  const said = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await on.run(args);
    assert.equal(code, 0, stderr);
    return stdout + stderr;
  };
  const token = /^(dagu_\S+)\n/.exec(await said("token", "create", "ci", "--hours", "2"))?.[1] ?? "";
  const [, id = ""] = /\nci +good +20.* (\S+)\n/.exec(await said("token", "list")) ?? [];
  assert.equal((await said("token")).includes(token), false, "its text is shown once");
  assert.match(await said("token", "revoke", id), /is refused from now on/);
  assert.match(await said("token"), /\nci +revoked /);

  assert.equal(await said("webhook"), "there is no webhook; see: dagu webhook create NAME\n");
  const first = /token: (\S+)/.exec(await said("webhook", "create", "w"))?.[1] ?? "";
  const second = /token: (\S+)/.exec(await said("webhook", "renew", "w"))?.[1] ?? "";
  assert.notEqual(first, second);
  assert.match(await said("webhook", "disable", "w"), /is answered 403/);
  assert.match(await said("webhook", "list"), /\nw +disabled +token_only +-\n/);
  await said("webhook", "enable", "w");
  await said("webhook", "delete", "w");
  assert.equal(await said("webhook"), "there is no webhook; see: dagu webhook create NAME\n");

  const made = await said("endpoint", "create", "shop", "--repo", "acme/*");
  const rotated = await said("endpoint", "rotate", "shop");
  assert.notEqual(/secret: (\S+)/.exec(made)?.[1], /secret: (\S+)/.exec(rotated)?.[1]);
  assert.match(await said("endpoint"), /\nshop +github +acme\/\* +approval +no +http\S+\n$/);
  await on.write("token.txt", "github-token\n");
  const connect = ["endpoint", "connect", "shop", "--value-file", "token.txt"];
  assert.match(await said(...connect), /^endpoint shop tells GitHub what becomes of its commits\n$/);
  assert.match(await said("endpoint"), /\nshop .* approval +yes +http\S+\n$/);
  github.answers.push(() => Response.json({ message: "Bad credentials" }, { status: 401 }));
  const unknown = await on.run(connect);
  assert.deepEqual([unknown.code, unknown.stderr], [
    1,
    "dagu endpoint: the forge does not take the token: HTTP 401: Bad credentials\n",
  ]);
  assert.match(await said("endpoint", "disconnect", "shop"), /tells GitHub nothing any more/);
  assert.match(await said("endpoint"), / approval +no +http/);
  await said("endpoint", "delete", "shop");
  assert.equal(await said("endpoint"), "there is no endpoint; see: dagu endpoint create NAME\n");

  for (
    const args of [["token", "revoke"], ["token", "list", "x"], ["webhook", "create"], [
      "endpoint",
      "list",
      "x",
    ]]
  ) {
    const { code, stderr } = await on.run(args);
    assert.equal(code, 1, args.join(" "));
    assert.match(stderr, /^dagu \S+: Usage: dagu /);
  }
});
