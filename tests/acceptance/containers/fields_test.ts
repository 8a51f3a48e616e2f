/** Container fields (containers contract 10.5). */
import assert from "node:assert/strict";
import { onEngines, removeForeign, runForeign, type Scene } from "./scene.ts";

onEngines("AC-45 working_dir is created, user applies", {
  yaml: `steps:
  - {id: a, container: {image: "alpine:3.20", working_dir: /data/deep}, run: pwd}
  - {id: b, container: {image: "alpine:3.20", user: nobody}, run: whoami}
`,
  stdout: { a: "/data/deep\n", b: "nobody\n" },
});

onEngines("AC-46 an unknown user", {
  yaml: `steps: [{id: a, container: {image: "alpine:3.20", user: ghost}, run: id}]
`,
  status: "failed",
  steps: { a: ["1 USER_UNKNOWN", /ghost/] },
});

onEngines("AC-47 a read-only bind, and one that is written to", {
  yaml: `type: graph
steps:
  - {id: a, container: {image: "alpine:3.20", volumes: ["./d:/m:ro"]}, run: "touch /m/x", continue_on: {failure: true}}
  - {id: b, depends: [a], container: {image: "alpine:3.20", volumes: ["./d:/m"]}, run: "echo ok > /m/y"}
`,
  status: "partially_succeeded",
  steps: { a: "1 COMMAND_FAILED", b: "0" },
  stderr: { a: /Read-only file system/ },
  check: async (end) => assert.equal(await Deno.readTextFile(`${end.workDir}/d/y`), "ok\n"),
});

const removeVolume = async ({ client }: Scene): Promise<void> => {
  await client.ask("DELETE", "/volumes/ac48", undefined, [404]);
};
onEngines("AC-48 a named volume survives containers and the run", {
  yaml: `type: graph
steps:
  - {id: a, container: {image: "alpine:3.20", volumes: ["ac48:/v"]}, run: "echo kept > /v/f"}
  - {id: b, depends: [a], container: {image: "busybox:1.36", volumes: ["ac48:/v:ro"]}, run: "cat /v/f"}
`,
  before: removeVolume,
  stdout: { b: "kept\n" },
  check: async ({ client }) => {
    const volume = await client.ask("GET", "/volumes/ac48");
    assert.match(JSON.stringify(volume), /"Name":"ac48"/);
  },
  after: removeVolume,
});

onEngines("AC-49 a relative source with an explicit working_dir", {
  yaml: `working_dir: /tmp/ac49
container: {image: "alpine:3.20", volumes: ["./:/w"]}
steps: [{id: a, run: "cat /w/in.txt"}]
`,
  before: async () => {
    await Deno.mkdir("/tmp/ac49", { recursive: true });
    await Deno.writeTextFile("/tmp/ac49/in.txt", "seen");
  },
  stdout: { a: "seen" },
  after: () => Deno.remove("/tmp/ac49", { recursive: true }).catch(() => {}),
});

onEngines("AC-50 OD-11 a missing bind source outside the base directory", {
  yaml: `steps: [{id: a, container: {image: "alpine:3.20", volumes: ["/tmp/ac50-missing:/m"]}, run: "true"}]
`,
  status: "failed",
  steps: { a: ["1 MOUNT_SOURCE_UNAVAILABLE", /\/tmp\/ac50-missing/] },
  created: 0,
  check: async () => assert.equal(await Deno.stat("/tmp/ac50-missing").catch(() => null), null),
});

onEngines("AC-51 an undefined variable in a source", {
  yaml: `steps: [{id: a, container: {image: "alpine:3.20", volumes: ["\${AC51_UNSET}/x:/m"]}, run: "true"}]
`,
  status: "failed",
  steps: { a: ["1 MOUNT_INVALID", /volumes\[0\].*AC51_UNSET/] },
  created: 0,
});

onEngines("AC-52 4.7.2 OD-6 env forms, order and precedence", {
  yaml: `steps:
  - id: a
    env: [{SHARED: s, ONLY: s}]
    container: {image: "alpine:3.20", env: [A=1, {B: "\${A}x"}, {SHARED: c}]}
    run: 'for k in A B SHARED ONLY; do env | sed -n "s/^$k=//p"; done'
`,
  stdout: { a: "1\n1x\nc\ns\n" },
});

onEngines("AC-53 environment of the shared container", {
  yaml: `env: [{FOO: bar}, {TOK: w}]
container: {image: "alpine:3.20", env: [{TOK: c}]}
harnesses: {sh: {binary: sh, prefix_args: [-c]}}
steps:
  - {id: a, run: "env | grep -c '^FOO=' || true"}
  - {id: b, run: "echo ref=\${FOO}"}
  - {id: c, action: harness.run, with: {provider: sh, prompt: "env | sort"}}
`,
  stdout: { a: "0\n", b: "ref=bar\n", c: /^FOO=bar$/m },
  check: (end) => {
    const env = end.stdout("c");
    assert.match(env, /^TOK=c$/m);
    assert.match(env, /^DAG_RUN_ID=/m);
    assert.doesNotMatch(env, /^DAG_RUN_LOG_FILE=/m);
  },
});

onEngines("AC-54 network none", {
  yaml: `steps: [{id: a, container: {image: "alpine:3.20", network: none}, run: "ls /sys/class/net"}]
`,
  stdout: { a: "lo\n" },
});

onEngines("AC-55 an unknown network", {
  yaml: `steps: [{id: a, container: {image: "alpine:3.20", network: ac55net}, run: "true"}]
`,
  status: "failed",
  steps: { a: ["1 NETWORK_UNKNOWN", /ac55net/] },
});

let listener: Deno.Listener | null = null;
onEngines("AC-56 a port that is taken", {
  yaml: `steps: [{id: a, container: {image: "alpine:3.20", ports: ["127.0.0.1:18056:80"]}, run: "true"}]
`,
  before: () => {
    listener = Deno.listen({ hostname: "127.0.0.1", port: 18_056 });
    return Promise.resolve();
  },
  status: "failed",
  steps: { a: ["1 PORT_IN_USE", /18056/] },
  after: () => {
    listener?.close();
    listener = null;
    return Promise.resolve();
  },
});

onEngines("AC-57 a process over the memory limit", {
  yaml: `resources: {limits: {memory: 32Mi}}
steps: [{id: a, container: {image: "alpine:3.20", shell: [direct]}, run: "tail /dev/zero"}]
`,
  status: "failed",
  steps: { a: ["137 OOM_KILLED", /32Mi/] },
  except: {
    "podman-rootless": {
      why: "drops limits on cgroup v1",
      yaml: `resources: {limits: {memory: 32Mi}}
steps: [{id: a, container: {image: "alpine:3.20"}, run: "echo unlimited"}]
`,
      stdout: { a: "unlimited\n" },
      check: (end) => assert.match(end.notes().join(), /^LIMITS_NOT_APPLIED: podman .*memory$/),
    },
  },
});

onEngines("2.2.4 limits that an engine drops are told", {
  yaml: `resources: {limits: {memory: 64Mi, cpu: "0.5"}}
container: {image: "alpine:3.20"}
steps: [{id: a, run: "echo ok"}]
`,
  check: (end) => assert.doesNotMatch(end.notes().join(), /LIMITS_NOT_APPLIED/),
  except: {
    "podman-rootless": {
      why: "drops limits on cgroup v1",
      check: (end) => {
        const [note, ...others] = end.notes();
        assert.match(note ?? "", /^LIMITS_NOT_APPLIED: podman .*memory and .*cpu$/);
        assert.deepEqual(others, []);
      },
    },
  },
});

onEngines("2.2.3 a foreign container keeps its own limits, and that is told", {
  yaml: `resources: {limits: {memory: 64Mi}}
steps: [{id: a, container: {exec: ac-2-2-3}, run: "echo in"}]
`,
  before: (scene) => runForeign(scene, "ac-2-2-3", ["sleep", "3600"]),
  stdout: { a: "in\n" },
  check: (end) => assert.match(end.notes().join(), /^LIMITS_NOT_APPLIED: .*ac-2-2-3/),
  after: (scene) => removeForeign(scene, "ac-2-2-3"),
});
