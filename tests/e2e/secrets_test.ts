/** A secret of the control plane on its way into a step on another machine, and a runner whose token changes meanwhile. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { dagu, freePort, spawnDagu } from "../support/dagu.ts";
import { followToEnd, getText, postJson } from "../support/http.ts";

const VALUE = "correct horse battery";
const SPEC = `
secrets: [{name: TOKEN, ref: prod/token}]
steps:
  - id: use
    run: |
      test "\${#TOKEN}" = ${VALUE.length} && echo "it is [$TOKEN]"
`;

Deno.test("M2 M11 P-35: a step on a runner is given the secret, masked everywhere, also after a rotation", async () => {
  const home = await Deno.makeTempDir({ prefix: "dagu-e2e-" });
  const file = join(home, "value");
  await Deno.writeTextFile(file, `${VALUE}\n`);
  const port = freePort();
  const url = `http://127.0.0.1:${port}`;
  {
    await using server = spawnDagu({ args: ["server", "--port", `${port}`], env: { DAGU_HOME: home } });
    await server.said("dagu server on");
    const call = (...args: string[]) => dagu({ args: [...args, "--server", url], env: { DAGU_HOME: home } });
    assert.equal((await call("secret", "list")).stderr, "no secret is kept; see: dagu secret set REF\n");
    const set = await call("secret", "set", "prod/token", "--value-file", file);
    assert.deepEqual([set.code, set.stdout, set.stderr], [0, "", "secret prod/token is kept\n"]);
    assert.match((await call("secret", "list")).stdout, /prod\/token +1 +active/);

    const { token } = await postJson(`${url}/api/v1/runners/registration-tokens`);
    await using runner = spawnDagu({
      args: ["worker", "--url", url, "--name", "far"],
      env: {
        DAGU_HOME: join(home, "far"),
        DAGU_CONTAINER_RUNTIME: "none",
        DAGU_RUNNER_REGISTRATION_TOKEN: String(token),
      },
    });
    await runner.said("runner ready");
    const identity = async (): Promise<Record<string, unknown>> =>
      JSON.parse(await Deno.readTextFile(join(home, "far", "runner", "runner.json")));
    const before = await identity();
    assert.equal((await call("runners", "rotate", "far")).code, 0);
    await runner.said("the runner's token was made anew");
    const after = await identity();
    assert.notEqual(after["runnerToken"], before["runnerToken"]);
    assert.deepEqual(after["privateKey"], before["privateKey"]);

    const { dagRunId } = await postJson(`${url}/api/v1/dag-runs`, { spec: SPEC, name: "needs" });
    const run = `${url}/api/v1/dag-runs/needs/${dagRunId}`;
    const events = await followToEnd(run);
    const log = await getText(`${run}/steps/use/log`);
    assert.match(log, /it is \[\*{7}\]/);
    const shown = [events, log, await getText(run), await getText(`${url}/runs/needs/${dagRunId}`)];
    assert.doesNotMatch(JSON.stringify([shown, runner.stderr(), server.stderr()]), /correct horse|"d":/);

    assert.equal((await call("secret", "disable", "prod/token")).code, 0);
    const refused = await call("start", "-q", "--name", "needs", await written(home));
    assert.equal(refused.code, 1);
    assert.match(
      refused.stderr,
      /secret TOKEN cannot be resolved: there is no active managed secret prod\/token/,
    );
    assert.equal((await call("secret", "delete", "prod/token")).code, 0);
    assert.equal((await call("secret", "enable", "prod/token")).code, 1);
  }
  await Deno.remove(home, { recursive: true });
});

async function written(home: string): Promise<string> {
  const path = join(home, "needs.yaml");
  await Deno.writeTextFile(path, SPEC);
  return path;
}
