/** `dagu dry --plan`: the requests that a run would send, without an engine, with nothing made and nothing secret (B60). */
import assert from "node:assert/strict";
import * as v from "valibot";
import { openCase } from "./case.ts";

const Plan = v.object({
  engine: v.string(),
  address: v.string(),
  steps: v.array(v.object({
    step: v.string(),
    refused: v.optional(v.object({ code: v.string(), message: v.string() })),
    calls: v.array(v.object({
      operation: v.string(),
      request: v.string(),
      body: v.optional(v.looseObject({
        Image: v.optional(v.string()),
        Env: v.optional(v.array(v.string())),
        Cmd: v.optional(v.array(v.string())),
        HostConfig: v.optional(v.looseObject({ Binds: v.optional(v.array(v.string())) })),
      })),
    })),
  })),
});

/** There is no engine: a request that is sent fails the case. */
const NOWHERE = { DAGU_CONTAINER_RUNTIME: "podman", DAGU_PODMAN_HOST: "unix://@W/no.sock" };

async function plan(yaml: string, env: Record<string, string> = {}, policy = "") {
  await using on = await openCase(yaml);
  if (policy !== "") await on.write("policy.yaml", policy.replaceAll("@W", on.folder));
  const more = policy === "" ? {} : { DAGU_RUNNER_POLICY: "@W/policy.yaml" };
  const { code, stdout, stderr } = await on.run(["dry", "--plan", "w.yaml"], { ...NOWHERE, ...env, ...more });
  const made = [...Deno.readDirSync(on.folder)].map((entry) => entry.name).sort();
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), Plan), stdout);
  assert.ok(parsed.success, stdout + stderr);
  return { code, stdout, stderr, plan: parsed.output, made, folder: on.folder };
}

Deno.test("B60 root, step and docker.run containers, in order; nothing is made", async () => {
  const { code, stderr, plan: { engine, address, steps }, made, folder } = await plan(`params: [{WHO: me}]
working_dir: @W/work
container: {image: alpine:3.20, volumes: ["./new:/x", "@W:/y:ro"], log_pattern: ready}
steps:
  - {id: a, run: "echo \${params.WHO}"}
  - {id: b, depends: a, run: [one, two], container: {image: "busybox:1.36", pull_policy: always, platform: linux/s390x}}
  - {id: c, depends: b, action: docker.run, with: {image: alpine:3.20, host: {NetworkMode: none}, command: [echo, hi]}}
  - {id: d, depends: c, action: docker.run, with: {container_name: db, command: [psql]}}
  - {id: e, depends: d, action: file.write, with: {path: @W/out, content: x}}
`);
  assert.equal(code, 0, stderr);
  assert.deepEqual([engine, address], ["podman", `unix://${folder}/no.sock`]);
  const told = steps.map(({ step, calls }) =>
    `${step}: ${calls.map((call) => call.operation.replace(/ create| /, "")).join(" ")}`
  );
  assert.deepEqual(told, [
    "(root container): container",
    "a: exec",
    "b: imagepull container exec exec",
    "c: container",
    "d: exec",
  ]);
  const [root, a, b, c, d] = steps.map(({ calls }) => calls);
  assert.deepEqual(root?.[0]?.body?.HostConfig?.Binds, [`${folder}/work/new:/x`, `${folder}:/y:ro`]);
  assert.deepEqual(a?.[0]?.body?.Cmd?.at(-1), "echo me");
  assert.match(b?.[0]?.request ?? "", /fromImage=busybox&tag=1\.36&platform=linux%2Fs390x$/);
  assert.equal(c?.[0]?.body?.HostConfig?.["NetworkMode"], "none");
  assert.match(d?.[0]?.request ?? "", /^POST \/containers\/db\/exec$/);
  assert.deepEqual(made, ["w.yaml"]);
});

Deno.test("B60 names count as free, and scripts as files are told", async () => {
  const { plan: { steps } } = await plan(`container: {image: alpine:3.20, name: shared-one}
steps:
  - {id: a, run: "#!/bin/cat\\nx"}
  - {id: b, run: "echo x", container: {image: alpine:3.20, name: own-one}}
`);
  const told = steps.map(({ step, calls }) => `${step}: ${calls.map((call) => call.operation).join(", ")}`);
  assert.deepEqual(told, [
    "(root container): container create",
    "a: container put, exec create, exec create",
    "b: container create",
  ]);
  assert.match(steps[0]?.calls[0]?.request ?? "", /name=shared-one$/);
  assert.match(steps[2]?.calls[0]?.request ?? "", /name=own-one$/);
});

Deno.test("B60 secrets and what is named like one are masked, wherever they come", async () => {
  const { stdout, plan: { steps } } = await plan(
    `secrets: [{name: S, provider: env, key: REAL}]
dotenv: @W/w.yaml.env
env: [{DB_PASSWORD: hunter2hunter2}]
steps:
  - id: a
    run: "login \${env.DB_PASSWORD} \${env.S}"
    container: {image: alpine:3.20, env: [{PASSWORD: "\${env.DB_PASSWORD}"}, {S: "\${env.S}"}, {PLAIN: seen}]}
`,
    { REAL: "a-real-secret-value" },
  );
  assert.doesNotMatch(stdout, /hunter2|a-real-secret-value/);
  const body = steps[0]?.calls[0]?.body;
  assert.deepEqual(body?.Env, ["PASSWORD=*******", "S=*******", "PLAIN=seen"]);
  assert.equal(body?.Cmd?.at(-1), "login ******* *******");
});

Deno.test("B60 PO-03 a policy is applied: what it refuses is told, what it changes is shown", async () => {
  const policy = "images: {allow: [docker.io/library/alpine]}\nlimits: {memory: 64Mi}\n";
  const { code, plan: { steps } } = await plan(
    `steps:
  - {id: a, run: "true", container: {image: alpine:3.20}}
  - {id: b, run: "true", container: {image: "busybox:1.36"}}
`,
    {},
    policy,
  );
  assert.equal(code, 1);
  const [a, b] = steps;
  assert.equal(a?.calls[0]?.body?.Image, "docker.io/library/alpine:3.20");
  assert.equal(a?.calls[0]?.body?.HostConfig?.["Memory"], 64 * 2 ** 20);
  assert.equal(b?.refused?.code, "POLICY_DENIED");
  assert.deepEqual(b?.calls, []);
});
