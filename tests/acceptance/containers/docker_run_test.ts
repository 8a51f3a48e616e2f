/** `docker.run`, names and pulling (containers contract 10.8, 4.3, 5). */
import assert from "node:assert/strict";
import { onEngines, removeForeign, runForeign, type Scene, stateOf } from "./scene.ts";

const removeAll = async (scene: Scene): Promise<void> => {
  for (const id of await scene.containers()) await removeForeign(scene, id);
};

onEngines("AC-81 a command is words, and the container is removed", {
  yaml:
    `steps: [{id: a, action: docker.run, with: {image: "alpine:3.20", auto_remove: true, command: "echo a > b"}}]
`,
  stdout: { a: "a > b\n" },
  created: 1,
});

onEngines("AC-82 5.3.1 OD-5 by default the container stays, and its id is known", {
  yaml: `steps: [{id: a, action: docker.run, with: {image: "alpine:3.20", command: [echo, "one arg"]}}]
`,
  stdout: { a: "one arg\n" },
  check: async (end) => {
    const [id = "", ...others] = await end.containers();
    assert.equal(others.length, 0);
    assert.equal(end.step("a").container?.id, id.slice(0, 12));
    assert.equal(await stateOf(end, id), "exited");
  },
  after: removeAll,
});

onEngines("AC-83 raw settings and short forms", {
  yaml: `steps:
  - id: a
    action: docker.run
    with:
      image: alpine:3.20
      auto_remove: true
      working_dir: /w
      container: {Env: [K=v]}
      host: {NetworkMode: none}
      shell: [/bin/sh, -c]
      command: echo "$(pwd) $K $(ls /sys/class/net)"
`,
  stdout: { a: "/w v lo\n" },
});

onEngines("AC-84 docker.run under a root container", {
  yaml: `type: graph
container: {image: "alpine:3.20"}
steps:
  - {id: c, run: "hostname"}
  - {id: a, depends: [c], action: docker.run, with: {command: hostname}}
  - {id: b, depends: [a], action: docker.run, with: {image: "busybox:1.36", auto_remove: true, command: hostname}}
`,
  check: (end) => {
    assert.equal(end.stdout("a"), end.stdout("c"));
    assert.notEqual(end.stdout("b"), end.stdout("c"));
  },
});

onEngines("AC-85 6.1.3 never, and not there", {
  yaml: `steps: [{id: a, container: {image: "alpine:no-such-tag", pull_policy: never}, run: "true"}]
`,
  status: "failed",
  steps: { a: ["1 IMAGE_MISSING", /missing/] },
  check: (end) => {
    const { failure } = end.step("a");
    assert.equal(failure?.engine, end.engine.kind);
    assert.match(failure?.message ?? "", /"alpine:no-such-tag" \(docker\.io\/library\/alpine:no-such-tag\)/);
    assert.match(`${failure?.message} ${failure?.address}`, /unix:\/\//);
  },
});

onEngines("AC-86 6.1.2 a fully qualified name is found locally", {
  yaml: `steps: [{id: a, container: {image: "docker.io/library/alpine:3.20"}, run: "echo ok"}]
`,
  stdout: { a: "ok\n" },
});

onEngines("AC-87 policies when the registry cannot be reached", {
  yaml: `steps:
  - {id: a, container: {image: "alpine:3.20", pull_policy: always}, run: "true", continue_on: {failure: true}}
  - {id: b, container: {image: "alpine:3.20", pull_policy: fallback}, run: "echo used local"}
  - {id: c, container: {image: "alpine:no-such-tag"}, run: "true", continue_on: {failure: true}}
`,
  pulls: true,
  status: "partially_succeeded",
  steps: { a: "1 IMAGE_PULL_FAILED", b: "0", c: "1 IMAGE_PULL_FAILED" },
  stdout: { b: "used local\n" },
  check: (end) => assert.match(end.step("b").notes.join(), /local copy/),
});

// ---- names (4.3, 5.2) --------------------------------------------------------------------------------------------

onEngines("4.3 a running container of the workflow that has the name is executed into", {
  yaml: `type: chain
container: {image: "alpine:3.20", name: ac-4-3}
steps:
  - {id: a, run: "hostname"}
  - id: b
    env: {LAYER: step, BOTH: step}
    container: {image: "no.such/image:1", name: ac-4-3, user: nobody, env: {BOTH: container}}
    run: 'hostname; echo "$LAYER $BOTH"; whoami'
  - {id: c, action: docker.run, with: {image: "no.such/image:1", container_name: ac-4-3, exec: {User: nobody, WorkingDir: /tmp, Env: [K=v]}, shell: [sh, -c], command: 'echo "$(env | sed -n s,^K=,,p) $(pwd)"; whoami'}}
`,
  created: 1,
  check: (end) => {
    assert.equal(end.stdout("b"), `${end.stdout("a")}step container\nnobody\n`);
    assert.equal(end.stdout("c"), "v /tmp\nnobody\n");
  },
});

onEngines("4.3 a stopped container of the workflow that has the name is replaced", {
  yaml: `type: chain
steps:
  - {id: a, container: {image: "alpine:3.20", name: ac-4-3-b, keep_container: true}, run: "echo old > /tmp/f"}
  - {id: b, container: {image: "alpine:3.20", name: ac-4-3-b}, run: "test ! -e /tmp/f"}
`,
  created: 2,
});

onEngines("4.3 a name is taken for several commands, also when its holder is of the workflow", {
  yaml: `container: {image: "alpine:3.20", name: ac-4-3-c}
steps:
  - {id: a, container: {image: "alpine:3.20", name: ac-4-3-c}, run: ["true", "true"]}
`,
  status: "failed",
  steps: { a: ["1 NAME_IN_USE", /ac-4-3-c.*running/] },
});

for (const argv of [["sleep", "3600"], ["true"]]) {
  onEngines(`4.3.1 OD-9 somebody else's container that has the name is not touched: ${argv.join(" ")}`, {
    yaml: `steps: [{id: a, container: {image: "alpine:3.20", name: ac-4-3-1}, run: "true"}]
`,
    before: (scene) => runForeign(scene, "ac-4-3-1", argv),
    status: "failed",
    steps: { a: ["1 NAME_IN_USE", /ac-4-3-1/] },
    created: 0,
    check: async (end) => assert.notEqual(await stateOf(end, "ac-4-3-1"), null),
    after: (scene) => removeForeign(scene, "ac-4-3-1"),
  });
}

// ---- the rest of section 5 ---------------------------------------------------------------------------------------

onEngines("5.2 5.1 a foreign container, with exec options", {
  yaml: `steps:
  - id: a
    env: {S: step, K: step}
    action: docker.run
    with:
      container_name: ac-5-2
      exec: {user: nobody, working_dir: /tmp, env: [K=exec]}
      shell: [/bin/sh, -c]
      command: 'echo "$(env | sed -n s,^S=,,p) $(env | sed -n s,^K=,,p) $(pwd) $(whoami)"'
  - {id: t, action: docker.run, with: {container_name: ac-5-2, exec: {TTY: true}, command: [sh, -c, "test -t 1 && echo tty"]}}
`,
  before: (scene) => runForeign(scene, "ac-5-2", ["sleep", "3600"]),
  stdout: { a: "step exec /tmp nobody\n", t: "tty\r\n" },
  created: 0,
  check: async (end) => assert.equal(await stateOf(end, "ac-5-2"), "running"),
  after: (scene) => removeForeign(scene, "ac-5-2"),
});

onEngines("5.1 flat and nested limits, volumes beside raw binds, an entrypoint of its own", {
  yaml: `steps:
  - id: a
    action: docker.run
    env: {STEP: s, K: s}
    with:
      image: alpine:3.20
      auto_remove: "true"
      volumes: ["./mine:/mine"]
      container: {entrypoint: [sh, -c], env: ["K=raw"], user: nobody, hostname: raw-host}
      host: {binds: ["/tmp:/theirs:ro"], cap_drop: [ALL], tmpfs: {/scratch: ""}, resources: {pids_limit: 64}}
      command: ["hostname; echo $(env | sed -n s,^STEP=,,p) $(env | sed -n s,^K=,,p); whoami; ls -d /mine /theirs /scratch"]
`,
  stdout: { a: "raw-host\ns raw\nnobody\n/mine\n/scratch\n/theirs\n" },
});

onEngines("5.1.1 host.AutoRemove means auto_remove", {
  yaml: `steps:
  - {id: a, action: docker.run, with: {image: "alpine:3.20", host: {AutoRemove: true}, command: "true"}}
`,
});

onEngines("5.1.1 an explicit auto_remove wins over host.AutoRemove", {
  yaml: `steps:
  - {id: a, action: docker.run, with: {image: "alpine:3.20", auto_remove: false, host: {AutoRemove: true}, command: "true"}}
`,
  check: async (end) => assert.equal((await end.containers()).length, 1),
  after: removeAll,
});

onEngines("3.8.3 anonymous volumes go with their container", {
  yaml: `steps:
  - {id: a, action: docker.run, with: {image: "alpine:3.20", auto_remove: true, container: {volumes: {/anonymous: {}}}, command: "touch /anonymous/f"}}
`,
  check: (end) => assert.equal(end.volumes().length, 1, "no volume was seen"),
});

onEngines("5.5.1 docker.run in the step's own container, with the rules of its command", {
  yaml: `container: {image: "busybox:1.36"}
steps:
  - {id: a, container: {image: "alpine:3.20"}, action: docker.run, with: {command: "cat /etc/alpine-release > x"}, continue_on: {failure: true}}
  - {id: b, container: {image: "alpine:3.20", env: {K: v}}, action: docker.run, with: {command: [sh, -c, 'env | sed -n s,^K=,,p; cat /etc/alpine-release']}}
`,
  status: "partially_succeeded",
  stderr: { a: /> *.*No such file/s },
  stdout: { b: /^v\n3\.20\.\d+\n$/ },
});

onEngines("5.1 limits of host, flat and below resources; flat ones win", {
  yaml: `steps:
  - id: a
    action: docker.run
    with:
      image: alpine:3.20
      command: "true"
      host: {resources: {pids_limit: 64, memory: 33554432}, Memory: 67108864}
`,
  check: async (end) => {
    const [id = ""] = await end.containers();
    const inspected = await end.client.ask("GET", `/containers/${id}/json`);
    assert.match(JSON.stringify(inspected), /"Memory":67108864\b/);
    assert.match(JSON.stringify(inspected), /"PidsLimit":64\b/);
  },
  after: removeAll,
  except: {
    "podman-rootless": {
      why: "drops limits on cgroup v1",
      check: async (end) => assert.equal((await end.containers()).length, 1),
    },
  },
});

onEngines("2.13.3 a backslash before a name stays for the shell that sees it; without one it is gone", {
  yaml: `env: [{K: known}]
steps:
  - id: a
    action: docker.run
    with: {image: "alpine:3.20", auto_remove: true, shell: [/bin/sh, -c], command: 'echo "\\$K $K"'}
  - id: b
    action: docker.run
    with: {image: "alpine:3.20", auto_remove: true, command: 'echo \\$K $K'}
  - {id: c, container: {image: "alpine:3.20"}, run: 'echo "\\$K $K"'}
  - {id: d, container: {image: "alpine:3.20", shell: [direct]}, run: 'echo \\$K $K'}
`,
  stdout: { a: "$K known\n", b: "$K known\n", c: "$K known\n", d: "$K known\n" },
});

const LONG = `|
        ${Array.from({ length: 4_000 }, (_, line) => `# ${"comment ".repeat(5)}${line}`).join("\n        ")}
        echo "the end of it, as $(whoami)"
`;
onEngines("4.4.2 text of any length for a shell of docker.run", {
  yaml: `steps:
  - id: a
    action: docker.run
    with:
      image: alpine:3.20
      auto_remove: true
      container: {User: nobody}
      shell: [/bin/sh, -e, -c]
      command: ${LONG}
  - id: b
    action: docker.run
    with:
      container_name: ac-docker-long
      shell: [/bin/sh]
      command: ${LONG}
`,
  before: (scene) => runForeign(scene, "ac-docker-long", ["sleep", "3600"]),
  stdout: { a: "the end of it, as nobody\n", b: "the end of it, as root\n" },
  after: (scene) => removeForeign(scene, "ac-docker-long"),
});

onEngines("4.4.2 text of any length in a read-only container", {
  yaml: `steps:
  - id: a
    action: docker.run
    with:
      image: alpine:3.20
      auto_remove: true
      host: {ReadonlyRootfs: true}
      shell: [/bin/sh, -e, -c]
      command: ${LONG}
`,
  stdout: { a: "the end of it, as root\n" },
  except: {
    docker: {
      why: "puts no file into a read-only container",
      status: "failed",
      steps: { a: ["1 OCI_RUNTIME", /read-only/] },
    },
  },
});
