/** `DAGU_CONTAINER_NETWORK` through the real `dagu` (B25). */
import assert from "node:assert/strict";
import { ENGINE_NAMES, engineUnderTest } from "../support/engines.ts";
import { openCase } from "./case.ts";
import { openEngineRecorder } from "./engine-recorder.ts";

for (const name of ENGINE_NAMES) {
  Deno.test(`B25 a private network for the run, none where none is said, nothing left (${name})`, async () => {
    const engine = engineUnderTest(name);
    await using on = await openCase(`container: {image: alpine:3.20}
type: graph
steps:
  - {id: a, run: "ls /sys/class/net > /dev/null; hostname"}
  - {id: b, depends: a, run: "ls /sys/class/net", container: {image: alpine:3.20, network: none}}
  - {id: c, depends: b, run: "hostname", container: {image: "busybox:1.36"}}
`);
    await using recorder = openEngineRecorder(`${on.folder}/line.sock`, engine.socket);
    const host = engine.kind === "docker" ? "DOCKER_HOST" : "DAGU_PODMAN_HOST";
    const { code, stdout, stderr } = await on.run(["start", "w.yaml"], {
      DAGU_CONTAINER_RUNTIME: engine.kind,
      [host]: "unix://@W/line.sock",
      DAGU_CONTAINER_NETWORK: "private",
    });
    assert.equal(code, 0, stdout + stderr);
    const calls = recorder.requests.flatMap((line) =>
      /^(POST|DELETE) \S*\/networks(?=\/)/.exec(line)?.[1] ?? []
    );
    assert.deepEqual(calls, ["POST", "DELETE"], recorder.requests.join("\n"));
  });
}

Deno.test("B25 another word fails what needs a container, and says which are known", async () => {
  await using on = await openCase('steps: [{id: a, run: "true", container: {image: "alpine:3.20"}}]\n');
  const { code, stdout, stderr } = await on.run(["start", "w.yaml"], { DAGU_CONTAINER_NETWORK: "hidden" });
  assert.notEqual(code, 0);
  assert.match(
    stdout + stderr,
    /RUNTIME_CONFIG_INVALID[^]*DAGU_CONTAINER_NETWORK is "hidden"[^]*bridge, private or internal/,
  );
});
