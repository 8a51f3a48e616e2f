/** What a runner tells about its engine, and what it says when there is none (containers contract 1.6, 8.1). */
import assert from "node:assert/strict";
import { checkEngine } from "../../../src/runner/containers/doctor.ts";
import { openEngine } from "../../../src/runner/containers/engine.ts";
import { IDLE, onEachEngine, runtimeAt } from "./bench.ts";

onEachEngine("1.1.4 engine, address, versions and rootless, and no problem", async (bench) => {
  const facts = await checkEngine(bench.engine, bench.folder, IDLE);
  assert.equal(facts.problem, undefined, JSON.stringify(facts));
  assert.equal(facts.engine, bench.isPodman ? "podman" : "docker");
  assert.equal(facts.address, `unix://${bench.socketPath}`);
  assert.match(facts.apiVersion ?? "", /^1\.\d+$/);
  assert.match(facts.engineVersion ?? "", /^\d+\.\d+/);
  assert.equal(facts.rootless, bench.isRootless);
  assert.deepEqual([...Deno.readDirSync(bench.folder)], [], "the probe is cleaned up");
});

onEachEngine("1.2.2 an engine is known by its answers, whatever the mode is called", async (bench) => {
  await using engine = openEngine(runtimeAt(bench.socketPath, false));
  const identity = await engine.socket.identity(IDLE);
  assert.ok(identity.ok);
  assert.equal(identity.value.isPodman, bench.isPodman);
});

onEachEngine("F08 a pinned version that the daemon refuses", async (bench) => {
  await using engine = openEngine({ ...bench.engine.runtime, apiVersion: "9.99" });
  const { problem } = await checkEngine(engine, bench.folder, IDLE);
  assert.equal(problem?.code, "ENGINE_PROTOCOL");
  assert.match(`${problem?.message} ${problem?.remedy}`, /9\.99[^]*DOCKER_API_VERSION/);
}, { only: "docker" });

async function problemAt(path: string, isPodman: boolean): Promise<{ code: string; text: string }> {
  await using engine = openEngine(runtimeAt(path, isPodman));
  const { problem } = await checkEngine(engine, "/tmp", IDLE);
  return { code: problem?.code ?? "", text: `${problem?.message} | ${problem?.remedy}` };
}

for (const isPodman of [false, true]) {
  const kind = isPodman ? "podman" : "docker";

  Deno.test(`AC-09 F02 a socket that does not exist (${kind})`, async () => {
    const { code, text } = await problemAt("/tmp/no-such-engine.sock", isPodman);
    assert.equal(code, "ENGINE_UNREACHABLE");
    assert.match(text, /does not exist: \/tmp\/no-such-engine\.sock/);
    if (isPodman) assert.match(text, /podman\.socket/);
  });

  Deno.test(`AC-09 F03 a socket that nobody listens on (${kind})`, async () => {
    const folder = await Deno.makeTempDir();
    const listener = Deno.listen({ transport: "unix", path: `${folder}/a.sock` });
    await Deno.rename(`${folder}/a.sock`, `${folder}/stale.sock`);
    listener.close();
    const { code, text } = await problemAt(`${folder}/stale.sock`, isPodman);
    assert.equal(code, "ENGINE_UNREACHABLE");
    assert.match(text, /nobody listens/);
    await Deno.remove(folder, { recursive: true });
  });

  Deno.test(`AC-09 F04 a folder or a file is not a socket (${kind})`, async () => {
    const folder = await Deno.makeTempDir();
    await Deno.writeTextFile(`${folder}/file`, "");
    for (const path of [folder, `${folder}/file`]) {
      const { code, text } = await problemAt(path, isPodman);
      assert.equal(code, "RUNTIME_CONFIG_INVALID");
      assert.match(text, /not a socket/);
    }
    await Deno.remove(folder, { recursive: true });
  });
}

onEachEngine("1.6.2 a work folder that the engine cannot see is told", async (bench) => {
  const folder = await Deno.makeTempDir();
  await Deno.chmod(folder, 0o700);
  const { problem } = await checkEngine(bench.engine, folder, IDLE);
  assert.equal(problem?.code, "MOUNT_SOURCE_UNAVAILABLE");
  await Deno.remove(folder, { recursive: true });
}, { only: "rootless" });
