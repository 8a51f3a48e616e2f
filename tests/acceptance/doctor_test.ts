/** `dagu doctor` on the real engines: what it finds, what it says to do, and that nothing of it is left (1.6.1, 1.6.2). */
import assert from "node:assert/strict";
import { ENGINE_NAMES, type EngineUnderTest, engineUnderTest, required } from "../support/engines.ts";
import { openCase } from "./case.ts";
import { openEngineRecorder } from "./engine-recorder.ts";
import { Agent } from "undici";

async function ask(engine: EngineUnderTest, method: "GET" | "DELETE", path: string): Promise<string> {
  const agent = new Agent({
    connect: { socketPath: engine.socket, timeout: 0 },
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  try {
    const answer = await agent.request({ origin: "http://engine", path: `/v1.41${path}`, method });
    return `${answer.statusCode} ${await answer.body.text()}`;
  } finally {
    await agent.close();
  }
}

for (const name of ENGINE_NAMES) {
  Deno.test(`1.6.1 an engine that works: every finding, a pull, a container, nothing left (${name})`, async () => {
    const engine = engineUnderTest(name);
    const image = `${required("REGISTRY")}/library/busybox:1.36`;
    await ask(engine, "DELETE", `/images/${image}`);
    await using on = await openCase("steps: []\n");
    await using recorder = openEngineRecorder(`${on.folder}/line.sock`, engine.socket);
    const host = engine.kind === "docker" ? "DOCKER_HOST" : "DAGU_PODMAN_HOST";
    const env = { DAGU_CONTAINER_RUNTIME: engine.kind, [host]: "unix://@W/line.sock" };
    const { code, stdout, stderr } = await on.run(["doctor", "--image", image], env);
    assert.equal(code, 0, stdout + stderr);
    for (
      const what of ["selection", "connection", "storage", "users", "cgroups", "image", "mounts", "container"]
    ) {
      assert.match(stdout, new RegExp(`^(ok|WARN) +${what} `, "m"), stdout);
    }
    assert.match(stdout, /image +\S+ was pulled\n[^]*container +ran, [^]*no problems found\n$/);
    assert.equal(/rootless: root of a container/.test(stdout), name === "podman-rootless", stdout);
    assert.match(await ask(engine, "GET", `/images/${image}/json`), /^404/, "the image is left");
    const ids = recorder.requests.flatMap((line) =>
      /^DELETE \S*\/containers\/([0-9a-f]{64})/.exec(line)?.[1] ?? []
    );
    const created = recorder.requests.filter((line) => /^POST \S*\/containers\/create\b/.test(line));
    assert.equal(created.length, 2, recorder.requests.join("\n"));
    assert.equal(ids.length, 2, recorder.requests.join("\n"));
    for (const id of ids) assert.match(await ask(engine, "GET", `/containers/${id}/json`), /^404/);
    assert.deepEqual([...Deno.readDirSync(on.home)], [], "the runner's folder is left");
  });

  Deno.test(`1.6.1 an image that is nowhere is told, the rest stays good (${name})`, async () => {
    const engine = engineUnderTest(name);
    await using on = await openCase("steps: []\n");
    const image = `${required("REGISTRY")}/library/alpine:no-such-tag`;
    const { code, stdout } = await on.run(["doctor", "--image", image], engine.env);
    assert.equal(code, 1, stdout);
    assert.match(stdout, /^FAIL image +IMAGE_MISSING: [^]*what to do: [^]*^1 problem\n$/m);
  });
}

const WRONG: [name: string, env: Record<string, string>, want: RegExp][] = [
  [
    "F09 an engine of another name",
    { DAGU_CONTAINER_RUNTIME: "nerdctl" },
    /^FAIL selection +RUNTIME_CONFIG_INVALID/m,
  ],
  [
    "F02 no socket",
    { DAGU_CONTAINER_RUNTIME: "podman", DAGU_PODMAN_HOST: "unix://@W/none.sock" },
    /^FAIL connection +ENGINE_UNREACHABLE: [^]*does not exist[^]*podman\.socket/m,
  ],
  [
    "F04 a folder",
    { DOCKER_HOST: "unix://@W" },
    /^FAIL connection +RUNTIME_CONFIG_INVALID: [^]*not a socket/m,
  ],
];

for (const [name, env, want] of WRONG) {
  Deno.test(`1.6.1 ${name}: exit code 1, and what to do`, async () => {
    await using on = await openCase("steps: []\n");
    const { code, stdout } = await on.run(["doctor"], env);
    assert.equal(code, 1, stdout);
    assert.match(stdout, want);
    assert.match(stdout, /what to do: /);
  });
}

Deno.test("1.6.2 a rootless engine whose user may not look into the runner's folder", async () => {
  const engine = engineUnderTest("podman-rootless");
  await using on = await openCase("steps: []\n");
  await Deno.mkdir(`${on.folder}/closed`, { mode: 0o700 });
  const { code, stdout } = await on.run(["doctor", "--state-dir", "@W/closed"], engine.env);
  assert.equal(code, 1, stdout);
  assert.match(stdout, /^FAIL mounts +[^]*is not the same folder for podman/m);
});
