/** Secrets as files of a container: in memory, readable there, in no configuration of the engine (B22). */
import assert from "node:assert/strict";
import { Agent } from "undici";
import { ENGINE_NAMES, type EngineUnderTest, engineUnderTest } from "../support/engines.ts";
import { leftContainers } from "../support/left-containers.ts";
import { openCase, until } from "./case.ts";

const VALUE = "s3cret-value-of-this-test";

/** Everything that the engine tells about the run's containers and their commands. */
async function inspectAll(engine: EngineUnderTest, runId: string): Promise<string> {
  const agent = new Agent({
    connect: { socketPath: engine.socket, timeout: 0 },
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  const get = async (path: string): Promise<string> => {
    const answer = await agent.request({ origin: "http://engine", path: `/v1.41${path}`, method: "GET" });
    return await answer.body.text();
  };
  try {
    const filters = encodeURIComponent(JSON.stringify({ label: [`dagu-edge.run=${runId}`] }));
    const listed: unknown = JSON.parse(await get(`/containers/json?all=1&filters=${filters}`));
    assert.ok(Array.isArray(listed));
    const texts: string[] = [];
    for (const { Id } of listed) {
      const text = await get(`/containers/${Id}/json`);
      texts.push(text);
      const execs: unknown = JSON.parse(text).ExecIDs;
      for (const exec of Array.isArray(execs) ? execs : []) texts.push(await get(`/exec/${exec}/json`));
    }
    return texts.join("\n");
  } finally {
    await agent.close();
  }
}

const STEP = `secrets: [{name: TOKEN, provider: env, key: REAL}, {name: OTHER, provider: env, key: REAL_TOO}]
harnesses: {sh: {binary: sh, prefix_args: ["-c"]}}
steps:
  - id: a
    action: harness.run
    container: {image: alpine:3.20, user: "1234", secrets: [TOKEN], volumes: ["@W/out:/out"]}
    with:
      provider: sh
      prompt: >-
        ls /run/secrets > /out/names; wc -c < /run/secrets/TOKEN > /out/size; env > /out/env;
        grep " /run/secrets " /proc/mounts > /out/mount; echo "it is $(cat /run/secrets/TOKEN)";
        touch /run/secrets/x 2> /out/refused; while [ ! -e /out/go ]; do sleep 0.1; done
`;
const ROOT = `secrets: [{name: TOKEN, provider: env, key: REAL}]
container: {image: alpine:3.20, secrets: [TOKEN], volumes: ["@W/out:/out"]}
steps:
  - {id: a, run: "wc -c < /run/secrets/TOKEN > /out/size; env > /out/env; while [ ! -e /out/go ]; do sleep 0.1; done"}
`;

for (const name of ENGINE_NAMES) {
  for (const [title, yaml] of [["a step's container", STEP], ["the root container", ROOT]] as const) {
    Deno.test(`B22 ${title} has its secrets as files (${name})`, async () => {
      const engine = engineUnderTest(name);
      await using on = await openCase(yaml);
      await Deno.mkdir(`${on.folder}/out`);
      await Deno.chmod(`${on.folder}/out`, 0o777);
      const runId = `b22-${name}-${crypto.randomUUID().slice(0, 8)}`;
      const env = { ...engine.env, REAL: VALUE, REAL_TOO: "another-secret-value" };
      const running = on.run(["start", "--run-id", runId, "w.yaml"], env);
      await until("the container has read it", async () => await on.read("out/env") === null ? null : true);
      assert.equal(Number(await on.read("out/size")), VALUE.length);
      const bases = (): string[] =>
        [...Deno.readDirSync("/dev/shm")].map((entry) => entry.name).filter((one) =>
          one.startsWith("dagu-secrets-")
        );
      const inspected = await inspectAll(engine, runId);
      assert.match(inspected, /\/run\/secrets/);
      assert.ok(!inspected.includes(VALUE) && !inspected.includes(btoa(VALUE)), "inspect shows it");
      assert.doesNotMatch(await on.read("out/env") ?? "", /s3cret/);
      await on.write("out/go", "");
      const { code, stdout, stderr } = await running;
      assert.equal(code, 0, stdout + stderr);
      assert.ok(!(stdout + stderr).includes(VALUE), stdout + stderr);
      if (yaml === STEP) {
        assert.equal(await on.read("out/names"), "TOKEN\n");
        assert.match(await on.read("out/mount") ?? "", /^tmpfs \/run\/secrets tmpfs ro/);
        assert.match(await on.read("out/refused") ?? "", /[Rr]ead-only/);
      }
      for (const base of bases()) {
        const left = [...Deno.readDirSync(`/dev/shm/${base}`)].map((entry) => entry.name);
        assert.ok(left.every((attempt) => !isOfThis(`/dev/shm/${base}/${attempt}`)), "a secret is left");
      }
      assert.deepEqual(await leftContainers(engine, runId), []);
    });
  }
}

/** Whether a folder of secrets holds this test's value. */
function isOfThis(attempt: string): boolean {
  for (const folder of Deno.readDirSync(attempt)) {
    for (const file of Deno.readDirSync(`${attempt}/${folder.name}`)) {
      if (Deno.readTextFileSync(`${attempt}/${folder.name}/${file.name}`) === VALUE) return true;
    }
  }
  return false;
}

Deno.test("B22 where there is no folder in memory, the step says so and holds nothing on a disk", async () => {
  const engine = engineUnderTest("docker");
  await using on = await openCase(ROOT);
  await Deno.mkdir(`${on.folder}/out`);
  const { code, stdout, stderr } = await on.run(["start", "w.yaml"], {
    ...engine.env,
    REAL: VALUE,
    DAGU_SECRETS_DIR: "@W",
  });
  assert.notEqual(code, 0);
  assert.match(stdout + stderr, /MOUNT_SOURCE_UNAVAILABLE[^]*in memory[^]*DAGU_SECRETS_DIR/);
  assert.deepEqual([...Deno.readDirSync(on.folder)].map((entry) => entry.name).sort(), ["out", "w.yaml"]);
});
