/** The seed's examples, and which engine they reach (containers contract 10.1, 10.2). */
import assert from "node:assert/strict";
import { SHARED_CONTAINER, STEP_CONTAINER } from "../../support/seed-examples.ts";
import { onEngines } from "./scene.ts";

// The order is a promise, not luck (3.5.3).
for (let turn = 1; turn <= 20; turn++) {
  onEngines(`AC-01 3.5.2 the shared container of the first example, turn ${turn} of 20`, {
    yaml: SHARED_CONTAINER,
    stdout: { read_file: /^from command step\n3\.20\.\d+\n$/ },
    created: 1,
    check: async (end) =>
      assert.equal(await Deno.readTextFile(`${end.workDir}/shared.txt`), "from command step\n"),
  });
}

onEngines("AC-02 the step container of the second example", {
  yaml: STEP_CONTAINER,
  before: async ({ workDir }) => {
    for (const name of ["a", "b"]) await Deno.writeTextFile(`${workDir}/${name}.txt`, name);
  },
  stdout: { inspect: "/workspace\n./a.txt\n./b.txt\n" },
  created: 1,
});

onEngines("AC-03 local only: no registry is asked", {
  yaml: `container: {image: "alpine:3.20", pull_policy: never}
steps: [{id: a, run: "echo local"}]
`,
  stdout: { a: "local\n" },
});

onEngines("AC-11 1.3.2 a workflow cannot switch the engine", {
  yaml: `env:
  - DAGU_CONTAINER_RUNTIME: podman
  - DAGU_PODMAN_HOST: unix:///nowhere.sock
  - DOCKER_HOST: unix:///nowhere.sock
steps:
  - id: a
    env: [{DAGU_CONTAINER_RUNTIME: podman}]
    container: {image: "alpine:3.20", env: [{DAGU_CONTAINER_RUNTIME: podman}]}
    run: env | sed -n 's/^DAGU_CONTAINER_RUNTIME=//p'
`,
  stdout: { a: "podman\n" },
  check: (end) => assert.equal(end.step("a").container?.engine, end.engine.kind),
});
