/** Containers on the real engines (workflow-language contract 10.11, T-86 to T-89; section 9, 113 to 120). */
import assert from "node:assert/strict";
import { ENGINE_NAMES, type EngineUnderTest, engineUnderTest } from "../support/engines.ts";
import { leftContainers } from "../support/left-containers.ts";
import { openCase } from "./case.ts";
import { openEngineRecorder } from "./engine-recorder.ts";

/** What the process environment says to reach an engine through another socket. */
function through(engine: EngineUnderTest, socket: string): Record<string, string> {
  const host = engine.kind === "docker" ? "DOCKER_HOST" : "DAGU_PODMAN_HOST";
  return { DAGU_CONTAINER_RUNTIME: engine.kind, [host]: `unix://${socket}` };
}

function onEveryEngine(title: string, test: (engine: EngineUnderTest) => Promise<void>): void {
  for (const name of ENGINE_NAMES) Deno.test(`${title} (${name})`, () => test(engineUnderTest(name)));
}

onEveryEngine("T-86 9.119: one container for the whole run", async (engine) => {
  await using on = await openCase(`container: {image: alpine:3.20, working_dir: /data, volumes: ["@W:/data"]}
harnesses:
  shell: {binary: sh, prefix_args: ["-c"]}
steps:
  - {id: a, run: 'sh -c "echo one > f"'}
  - {id: b, depends: a, action: harness.run, with: {provider: shell, prompt: "cat f; echo two >> f"}}
  - {id: c, depends: b, run: "cat f", output: ALL}
  - {id: d, depends: c, action: file.write, with: {path: @W/all, content: "\${env.ALL}"}}
`);
  const runId = `t86-${engine.name}`;
  await using recorder = openEngineRecorder(`${on.folder}/line.sock`, engine.socket);
  const { code, stdout, stderr } = await on.run(
    ["start", "--run-id", runId, "w.yaml"],
    through(engine, "@W/line.sock"),
  );
  assert.equal(code, 0, stdout + stderr);
  assert.deepEqual([await on.read("f"), await on.read("all")], ["one\ntwo\n", "one\ntwo"]);
  const created = recorder.requests.filter((line) => /^POST \S*\/containers\/create\b/.test(line));
  assert.equal(created.length, 1, created.join("\n"));
  assert.deepEqual(await leftContainers(engine, runId), []);
});

onEveryEngine("T-87 9.116: a step's own container is used instead", async (engine) => {
  await using on = await openCase(`container: {image: alpine:3.20}
steps:
  - {id: a, run: "cat /etc/alpine-release", stdout: @W/a}
  - {id: b, run: "test ! -e /etc/alpine-release", container: {image: "busybox:1.36"}}
`);
  const runId = `t87-${engine.name}`;
  const { code, stdout, stderr } = await on.run(["start", "--run-id", runId, "w.yaml"], engine.env);
  assert.equal(code, 0, stdout + stderr);
  assert.equal(await on.read("a"), "3.20.0\n");
  assert.deepEqual(await leftContainers(engine, runId), []);
});

// ---- selection --------------------------------------------------------------------------------------------------

const STEP = 'steps: [{id: s, run: "echo inside", container: {image: "alpine:3.20"}, stdout: @W/o}]\n';
const PODMAN = {
  DAGU_CONTAINER_RUNTIME: "podman",
  DAGU_PODMAN_HOST: "unix://@W/p.sock",
  DOCKER_HOST: "tcp://127.0.0.1:1",
};

for (
  const [title, head] of [
    ["T-88 9.114: Podman's socket is the only one", ""],
    ["T-88: the workflow's env does not move it", 'env: [{DAGU_PODMAN_HOST: "unix:///nope"}]\n'],
  ] as const
) {
  Deno.test(title, async () => {
    await using on = await openCase(head + STEP);
    await using recorder = openEngineRecorder(`${on.folder}/p.sock`, engineUnderTest("podman").socket);
    const { code, stdout, stderr } = await on.run(["start", "w.yaml"], PODMAN);
    assert.equal(code, 0, stdout + stderr);
    assert.equal(await on.read("o"), "inside\n");
    assert.ok(recorder.requests.length > 0, "nothing arrived at the socket");
  });
}

Deno.test("T-88: an engine that there is not", async () => {
  await using on = await openCase(STEP);
  const { code, stderr } = await on.run(["start", "w.yaml"], { DAGU_CONTAINER_RUNTIME: "qemu" });
  assert.equal(code, 1);
  assert.match(stderr, /invalid container runtime/);
});

Deno.test("9.113: env in the workflow cannot select Podman", async () => {
  await using on = await openCase(`env: [{DAGU_CONTAINER_RUNTIME: podman, DAGU_PODMAN_HOST: "unix:///nope"}]
steps:
  - id: s
    run: echo inside
    env: {DAGU_CONTAINER_RUNTIME: podman}
    container: {image: "alpine:3.20", env: {DAGU_CONTAINER_RUNTIME: podman}}
    stdout: @W/o
`);
  const docker = engineUnderTest("docker");
  await using recorder = openEngineRecorder(`${on.folder}/d.sock`, docker.socket);
  const { code, stdout, stderr } = await on.run(["start", "w.yaml"], through(docker, "@W/d.sock"));
  assert.equal(code, 0, stdout + stderr);
  assert.equal(await on.read("o"), "inside\n");
  assert.ok(recorder.requests.length > 0, "nothing arrived at Docker");
});

// ---- a run that goes wrong --------------------------------------------------------------------------------------

onEveryEngine("T-89: a time limit ends the step, not the shared container", async (engine) => {
  await using on = await openCase(`container: {image: alpine:3.20}
steps:
  - {id: a, run: 'sh -c "hostname > /tmp/h; sleep 60"', timeout_sec: 1, continue_on: failed}
  - {id: b, depends: a, run: 'sh -c "test $(hostname) = $(cat /tmp/h) && echo same"', stdout: @W/o}
  - {id: c, depends: b, run: "echo \${a.exit_code}", stdout: @W/code}
`);
  const runId = `t89-${engine.name}`;
  const { code, stdout, stderr } = await on.run(["start", "--run-id", runId, "w.yaml"], engine.env);
  assert.equal(code, 0, stdout + stderr);
  assert.match(stdout, /Result: Partially Succeeded/);
  assert.deepEqual([await on.read("code"), await on.read("o")], ["124\n", "same\n"]);
  assert.deepEqual(await leftContainers(engine, runId), []);
});

onEveryEngine(
  "9.115 9.120: a failed run leaves no container, which saw no secret of the service",
  async (engine) => {
    await using on = await openCase(`container: {image: alpine:3.20}
steps:
  - {id: a, run: env, stdout: @W/root}
  - {id: b, run: env, container: {image: "alpine:3.20"}, stdout: @W/step}
  - {id: c, depends: [a, b], run: 'sh -c "exit 5"'}
`);
    const runId = `r115-${engine.name}`;
    const secret = "kept-by-the-service";
    const { code, stdout } = await on.run(["start", "--run-id", runId, "w.yaml"], {
      ...engine.env,
      SERVICE_SECRET: secret,
      AWS_SECRET_ACCESS_KEY: secret,
    });
    assert.equal(code, 1, stdout);
    assert.match(stdout, /c .*\[failed\]/);
    for (const file of ["root", "step"]) {
      const seen = await on.read(file);
      assert.match(seen ?? "", /^PATH=/m, file);
      assert.ok(!seen?.includes(secret), `${file}: ${seen}`);
    }
    assert.deepEqual(await leftContainers(engine, runId), []);
  },
);
