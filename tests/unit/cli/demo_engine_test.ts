/** What a stranger's machine has for the demo, and what it says when it has nothing. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { chooseEngine } from "../../../src/cli/demo-engine.ts";

Deno.test("the demo takes the engine that the environment names, by its socket alone too", async () => {
  const dir = await Deno.makeTempDir({ prefix: "dagu-demo-" });
  const path = join(dir, "engine.sock");
  {
    using _listener = Deno.listen({ transport: "unix", path });
    const podman = await chooseEngine({ DAGU_PODMAN_HOST: `unix://${path}` });
    assert.equal(podman.hasEngine, true);
    assert.equal(podman.variables["DAGU_CONTAINER_RUNTIME"], "podman");
    assert.equal(podman.sentence, `Containers run on podman at unix://${path}: as the environment says.`);
    const docker = await chooseEngine({ DOCKER_HOST: `unix://${path}` });
    assert.equal(docker.variables["DAGU_CONTAINER_RUNTIME"], "docker");
    // The second of two that are named answers.
    const second = await chooseEngine({
      DAGU_PODMAN_HOST: `unix://${dir}/nobody.sock`,
      DOCKER_HOST: `unix://${path}`,
    });
    assert.equal(second.variables["DAGU_CONTAINER_RUNTIME"], "docker");
  }
  await Deno.remove(dir, { recursive: true });
});

Deno.test("the demo says who was asked when no engine answers, and what is wrong with what was named", async () => {
  const nobody = await chooseEngine({
    DAGU_CONTAINER_RUNTIME: "podman",
    DAGU_PODMAN_HOST: "unix:///nobody.sock",
  });
  assert.equal(nobody.hasEngine, false);
  assert.match(nobody.sentence, /nobody answers for podman at unix:\/\/\/nobody\.sock\./);
  const wrong = await chooseEngine({ DAGU_CONTAINER_RUNTIME: "lxc" });
  assert.match(wrong.sentence, /invalid container runtime "lxc"/);
});
