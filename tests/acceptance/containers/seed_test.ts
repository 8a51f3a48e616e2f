/** The seed's examples, and which engine they reach (containers contract 10.1, 10.2). */
import assert from "node:assert/strict";
import { onEngines } from "./scene.ts";

const HARNESS = `harnesses:
  shell:
    binary: sh
    prefix_args:
      - -c
    prompt_mode: arg
`;
const SHARED = `type: graph
container:
  image: alpine:3.20
  pull_policy: missing
  working_dir: /workspace
  volumes:
    - .:/workspace
${HARNESS}steps:
  - id: write_file
    run: echo "from command step" > shared.txt
  - id: read_file
    action: harness.run
    with:
      provider: shell
      prompt: |
        set -eu
        cat shared.txt
        cat /etc/alpine-release
`;
// The order is a promise, not luck (3.5.3).
for (let turn = 1; turn <= 20; turn++) {
  onEngines(`AC-01 the shared container of the first example, turn ${turn} of 20`, {
    yaml: SHARED,
    stdout: { read_file: /^from command step\n3\.20\.\d+\n$/ },
    created: 1,
    check: async (end) =>
      assert.equal(await Deno.readTextFile(`${end.workDir}/shared.txt`), "from command step\n"),
  });
}

onEngines("AC-02 the step container of the second example", {
  yaml: `type: graph
${HARNESS}steps:
  - id: inspect
    action: harness.run
    container:
      image: alpine:3.20
      pull_policy: missing
      working_dir: /workspace
      volumes:
        - .:/workspace:ro
    with:
      provider: shell
      prompt: |
        set -eu
        pwd
        find . -maxdepth 1 -type f | sort | head
`,
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

onEngines("AC-11 a workflow cannot switch the engine", {
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
