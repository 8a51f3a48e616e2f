/** Rules of the shared container that no numbered case walks through (containers contract 3). */
import assert from "node:assert/strict";
import { makeForeign, onEngines, removeForeign, stateOf } from "./scene.ts";

onEngines("3.1.2 a run whose preconditions are not met makes no container", {
  yaml: `container: {image: "alpine:3.20"}
preconditions: [{condition: "a", expected: "b"}]
steps: [{id: a, run: "true"}]
`,
  status: "aborted",
  created: 0,
});

onEngines("3.9.4 preconditions and conditions of a repetition are asked on the host", {
  yaml: `container: {image: "alpine:3.20"}
steps:
  - {id: a, run: "echo ran >> /tmp/here", preconditions: [{condition: "test ! -e /etc/alpine-release"}]}
  - {id: b, depends: a, run: "cat /tmp/here"}
`,
  stdout: { b: "ran\n" },
});

onEngines("3.3 the body of a foreach runs in the shared container", {
  yaml: `container: {image: "alpine:3.20"}
steps:
  - {id: a, run: "echo x > /tmp/f"}
  - id: each
    depends: a
    foreach:
      items: [one, two]
      max_concurrent: 1
      steps: [{id: s, run: "cat /tmp/f; echo \${foreach.item} >> /tmp/g"}]
  - {id: z, depends: each, run: "cat /tmp/g"}
`,
  stdout: { z: "one\ntwo\n" },
  created: 1,
});

onEngines("3.9.5 the run's time limit stops the step; handlers still run in the container", {
  yaml: `timeout_sec: 4
container: {image: "alpine:3.20"}
handler_on: {exit: {run: "cat /tmp/f"}}
steps: [{id: a, run: "echo kept > /tmp/f; sleep 300"}]
`,
  status: "failed",
  stdout: { onExit: "kept\n" },
  check: (end) => {
    assert.equal(end.state.failure?.code, "RUN_TIMEOUT");
    assert.equal(end.step("a").status, "aborted");
    assert.ok(end.seconds < 12, `${end.seconds} s`);
  },
});

onEngines("3.2.1 a name that a running container has", {
  yaml: `container: {image: "no.such/image:1", name: ac-3-2-1}
steps: [{id: a, run: "true"}]
`,
  before: async (scene) => {
    await makeForeign(scene, "ac-3-2-1", ["sleep", "3600"]);
    await scene.client.ask("POST", "/containers/ac-3-2-1/start");
  },
  status: "failed",
  check: async (end) => {
    assert.equal(end.state.failure?.code, "NAME_IN_USE");
    assert.match(end.state.failure?.message ?? "", /running/);
    assert.equal(await stateOf(end, "ac-3-2-1"), "running");
  },
  after: (scene) => removeForeign(scene, "ac-3-2-1"),
});

onEngines("3.1.5 a stop while it gets ready takes effect at once", {
  yaml: `container: {image: "alpine:3.20", log_pattern: never}
steps: [{id: a, run: "true"}]
`,
  meanwhile: async (scene) => {
    await scene.asked(/^GET \S*\/containers\/\S+\/logs/);
    scene.stop();
  },
  status: "aborted",
  steps: { a: "not_started" },
  check: (end) => assert.ok(end.seconds < 30, `${end.seconds} s`),
});

onEngines("2.10 the image's own main process, and several commands beside it", {
  yaml: `steps:
  - id: a
    container: {image: "alpine:3.20", startup: command, command: [sh, -c, "echo up > /tmp/f; exec sleep 3600"]}
    run: ["sleep 0.2", "cat /tmp/f"]
`,
  stdout: { a: "up\n" },
  created: 1,
});
