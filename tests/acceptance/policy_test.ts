/** The runner's policy through the real `dagu`, on the real engines (control-plane contract 7.12, F47). */
import assert from "node:assert/strict";
import { ENGINE_NAMES, type EngineUnderTest, engineUnderTest } from "../support/engines.ts";
import { openCase } from "./case.ts";
import { openEngineRecorder } from "./engine-recorder.ts";

const POLICY = `images: {allow: ["docker.io/library/alpine:3.20"]}
mounts: {allow: ["@W/open"]}
limits: {memory: 32Mi, cpu: 1, pids: 64}
secrets: {env: [ALLOWED_*]}
`;

/** A workflow, the rule that refuses it; null: it succeeds. */
const CASES: [name: string, yaml: string, rule: string | null][] = [
  [
    "what is allowed",
    'steps: [{id: a, run: "echo fine", container: {image: alpine:3.20, volumes: ["@W/open:/x"]}}]',
    null,
  ],
  ["another image", 'steps: [{id: a, run: "true", container: {image: "busybox:1.36"}}]', "images.allow"],
  [
    "a mount, and its source is not made",
    'working_dir: work\nsteps: [{id: a, run: "true", container: {image: alpine:3.20, volumes: ["@W/closed:/x"]}}]',
    "mounts.allow",
  ],
  [
    "a root container",
    'container: {image: alpine:3.20, network: host}\nsteps: [{id: a, run: "true"}]',
    "networks.allow",
  ],
  [
    "docker.run with raw settings",
    "steps: [{id: a, action: docker.run, with: {image: alpine:3.20, auto_remove: true, host: {Privileged: true}}}]",
    "privileged",
  ],
  [
    "settings hidden in Resources",
    "steps: [{id: a, action: docker.run, with: {image: alpine:3.20, auto_remove: true, host: {Resources: {privileged: true}}}}]",
    "privileged",
  ],
  [
    "a harness in a container",
    "harnesses: {e: {binary: echo}}\nsteps: [{id: a, action: harness.run, with: {provider: e, prompt: x}, container: {image: 'busybox:1.36'}}]",
    "images.allow",
  ],
  ["a command of the machine", 'steps: [{id: a, run: "echo out"}]', "host"],
  [
    "a harness on the machine",
    "harnesses: {e: {binary: echo}}\nsteps: [{id: a, action: harness.run, with: {provider: e, prompt: x}}]",
    "host",
  ],
  [
    "an action on files of the machine",
    "steps: [{id: a, action: file.write, with: {path: @W/out, content: x}}]",
    "host",
  ],
  [
    "a step's stream into a file of the machine",
    'steps: [{id: a, run: "echo x", stdout: @W/out, container: {image: alpine:3.20}}]',
    "host",
  ],
  ["a precondition", 'preconditions: ["touch @W/out"]\nsteps: [{id: a, action: noop}]', "host"],
  ["a step's precondition", 'steps: [{id: a, action: noop, preconditions: ["touch @W/out"]}]', "host"],
  ["a working directory of the machine", "working_dir: @W/out\nsteps: [{id: a, action: noop}]", "host"],
  [
    "a folder for artifacts",
    "artifacts: {enabled: true, dir: @W/out}\nsteps: [{id: a, action: noop}]",
    "host",
  ],
  ["a handler", 'handler_on: {success: {run: "touch @W/out"}}\nsteps: [{id: a, action: noop}]', "host"],
  [
    "a secret of the runner",
    "secrets: [{name: S, provider: env, key: DAGU_HOME}]\nsteps: [{id: a, action: noop}]",
    "secrets.env",
  ],
];

for (const name of ENGINE_NAMES) {
  Deno.test(`F47 7.12 the policy is kept, whatever the workflow says (${name})`, async () => {
    const engine = engineUnderTest(name);
    for (const [title, yaml, rule] of CASES) await check(engine, title, yaml, rule);
  });
}

Deno.test("F47 privileged: no command has all capabilities, not even in the run's own container", async () => {
  const { env } = engineUnderTest("docker");
  await using on = await openCase(`container: {image: alpine:3.20, name: f47-own}
steps:
  - id: a
    action: docker.run
    with: {image: alpine:3.20, container_name: f47-own, exec: {Privileged: true}, command: id}
`);
  await on.write("policy.yaml", POLICY.replaceAll("@W", on.folder));
  const { code, stdout } = await on.run(["start", "w.yaml"], {
    ...env,
    DAGU_RUNNER_POLICY: "@W/policy.yaml",
  });
  assert.equal(code, 1, stdout);
  assert.match(stdout, /POLICY_DENIED.*a privileged exec \(rule privileged\)/);
});

async function check(
  engine: EngineUnderTest,
  title: string,
  yaml: string,
  rule: string | null,
): Promise<void> {
  await using on = await openCase(`${yaml}\n`);
  await Deno.mkdir(`${on.folder}/open`);
  await Deno.chmod(`${on.folder}/open`, 0o777);
  await on.write("policy.yaml", POLICY.replaceAll("@W", on.folder));
  await using recorder = openEngineRecorder(`${on.folder}/line.sock`, engine.socket);
  const host = engine.kind === "docker" ? "DOCKER_HOST" : "DAGU_PODMAN_HOST";
  const { code, stdout, stderr } = await on.run(["start", "w.yaml"], {
    DAGU_CONTAINER_RUNTIME: engine.kind,
    [host]: `unix://@W/line.sock`,
    DAGU_RUNNER_POLICY: "@W/policy.yaml",
  });
  const story = `${title}\n${stdout}\n${stderr}`;
  const created = recorder.requests.filter((line) => /^POST \S*\/(containers|images)\/create\b/.test(line));
  if (rule === null) {
    assert.equal(code, 0, story);
    assert.match(stdout, /fine/, story);
    return;
  }
  assert.notEqual(code, 0, story);
  assert.match(stdout + stderr, new RegExp(`policy[^]*rule ${RegExp.escape(rule)}\\)`), story);
  assert.deepEqual(created, [], story);
  for (const path of ["out", "closed"]) {
    assert.equal(await there(`${on.folder}/${path}`), false, `${path}: ${story}`);
  }
}

async function there(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

for (
  const args of [["start", "w.yaml"], ["worker", "--url", "http://127.0.0.1:9", "--token", "x"], [
    "start-all",
  ]]
) {
  Deno.test(`PO-02 with a broken policy, dagu ${args[0]} ends with 78 and starts nothing`, async () => {
    await using on = await openCase('steps: [{id: a, run: "touch @W/out"}]\n');
    await on.write("policy.yaml", "host: true\nimagse: {}\n");
    const { code, stdout, stderr } = await on.run(args, { DAGU_RUNNER_POLICY: "@W/policy.yaml" });
    assert.equal(code, 78, stdout + stderr);
    assert.match(stderr, /policy\.yaml:2:1: [^]*imagse[^]*images/);
    assert.equal(await on.read("out"), null);
  });
}
