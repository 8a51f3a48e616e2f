/** Which engine, and what reaches it: clauses of sections 1 and 4.7 that no numbered case walks through. */
import assert from "node:assert/strict";
import { required } from "../../support/engines.ts";
import { onEngines, removeForeign, runForeign } from "./scene.ts";

onEngines("1.1.6 one selection serves every form of container", {
  yaml: `type: chain
container: {image: "alpine:3.20"}
harnesses: {e: {binary: echo}}
steps:
  - {id: shared, run: "echo 1"}
  - {id: own, container: {image: "alpine:3.20"}, run: "echo 2"}
  - {id: list, container: {image: "alpine:3.20"}, run: ["echo 3", "true"]}
  - {id: raw, action: docker.run, with: {image: "alpine:3.20", auto_remove: true, command: "echo 4"}}
  - {id: alias, action: container.run, with: {image: "alpine:3.20", auto_remove: true, command: "echo 5"}}
  - {id: agent, action: harness.run, container: {image: "alpine:3.20"}, with: {provider: e, prompt: "6"}}
  - {id: inside, action: harness.run, with: {provider: e, prompt: "7"}}
  - {id: foreign, container: ac-1-1-6, run: "echo 8"}
`,
  before: (scene) => runForeign(scene, "ac-1-1-6", ["sleep", "3600"]),
  stdout: {
    shared: "1\n",
    own: "2\n",
    list: "3\n",
    raw: "4\n",
    alias: "5\n",
    agent: "6\n",
    inside: "7\n",
    foreign: "8\n",
  },
  created: 6,
  check: (end) => {
    for (const step of ["own", "list", "raw", "alias", "agent", "foreign"]) {
      const { engine, address } = end.step(step).container ?? {};
      assert.deepEqual([engine, address], [end.engine.kind, end.state.container?.address], step);
    }
    assert.equal(end.state.container?.engine, end.engine.kind);
  },
  after: (scene) => removeForeign(scene, "ac-1-1-6"),
});

const NAMES = ["DAGU_CONTAINER_RUNTIME", "DAGU_PODMAN_HOST", "DOCKER_HOST"];
let before: readonly (string | undefined)[] = [];
onEngines("1.3.1 1.3.3 names of the runner's settings are ordinary values, wherever they are written", {
  yaml: `type: chain
params: [{DOCKER_HOST: "unix:///params.sock"}]
env: [{DAGU_CONTAINER_RUNTIME: nerdctl}, {DAGU_PODMAN_HOST: "unix:///env.sock"}]
dotenv: [settings.env]
secrets: [{name: DOCKER_CERT_PATH, provider: env, key: HOME}]
container: {image: "alpine:3.20", env: [{DOCKER_HOST: "unix:///root.sock"}]}
handler_on:
  exit: {env: [{DAGU_CONTAINER_RUNTIME: handler}], run: "env | sed -n s,^DAGU_CONTAINER_RUNTIME=,,p"}
steps:
  - {id: a, run: "echo podman", output: DOCKER_API_VERSION}
  - {id: b, env: [{DAGU_CONTAINER_RUNTIME: step}], run: 'env | grep -E "^(DAGU_CONTAINER|DOCKER_HOST)" | sort'}
  - {id: c, container: {image: "alpine:3.20"}, run: 'echo "\${DOCKER_API_VERSION} \${DOCKER_TLS_VERIFY} \${params.DOCKER_HOST}"'}
`,
  params: { DOCKER_HOST: "unix:///params.sock" },
  before: async ({ workDir }) => {
    before = NAMES.map((name) => Deno.env.get(name));
    await Deno.writeTextFile(`${workDir}/settings.env`, "DOCKER_TLS_VERIFY=dotenv\n");
  },
  meanwhile: async (scene) => {
    await scene.told("step.started", "b");
    assert.deepEqual(NAMES.map((name) => Deno.env.get(name)), before);
  },
  stdout: {
    b: "DAGU_CONTAINER_RUNTIME=step\nDOCKER_HOST=unix:///root.sock\n",
    c: "podman dotenv unix:///params.sock\n",
    onExit: "handler\n",
  },
  check: (end) => assert.equal(end.step("c").container?.engine, end.engine.kind),
});

onEngines(
  "4.7.1 4.7.3 a run sees what its container is given, by value or as files, and nothing else of the workflow",
  {
    yaml: `env: [{W: w}]
params: [{P: p}]
secrets: [{name: S, provider: env, key: HOME}]
steps:
  - id: a
    container:
      image: alpine:3.20
      env: ['TOKEN=\${W}-\${P}', 'KEY=\${S}']
      volumes: ["./login:/root/.agent:ro"]
    run: 'env | grep -E "^(W|P|S|DAG_RUN_ID)=" | sort; echo "$TOKEN"; test -n "$KEY"; cat /root/.agent/token; touch /root/.agent/x || true'
`,
    params: { P: "p" },
    before: async ({ workDir }) => {
      await Deno.mkdir(`${workDir}/login`);
      await Deno.writeTextFile(`${workDir}/login/token`, "mounted\n");
    },
    stdout: { a: "w-p\nmounted\n" },
    stderr: { a: /Read-only file system/ },
  },
);

const MARK = "mark-4-7-4-of-the-environment";
onEngines("4.7.4 an environment is on no command line of the host", {
  yaml: `container: {image: "alpine:3.20", env: [{A: ${MARK}-root}], volumes: [".:/w"]}
steps:
  - {id: a, env: [{B: ${MARK}-step}], run: "echo up; while [ ! -e /w/go ]; do sleep 0.1; done"}
  - {id: b, env: [{B: ${MARK}-step}], container: {image: "alpine:3.20", env: [{A: ${MARK}-own}], volumes: [".:/w"]}, run: "echo up; while [ ! -e /w/go ]; do sleep 0.1; done"}
`,
  meanwhile: async (scene) => {
    await Promise.all([scene.printed("a", "up"), scene.printed("b", "up")]);
    assert.deepEqual(await commandLinesWith(MARK), []);
    await Deno.writeTextFile(`${scene.workDir}/go`, "");
  },
});

async function commandLinesWith(text: string): Promise<string[]> {
  const found: string[] = [];
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name) || Number(name) === Deno.pid) continue;
    const line = await Deno.readTextFile(`/proc/${name}/cmdline`).catch(() => "");
    if (line.includes(text)) found.push(line);
  }
  return found;
}

const ALWAYS = `image: "${required("REGISTRY")}/library/alpine:3.20", pull_policy: always`;
const PULLS = /^POST \S*\/images\/create/;
onEngines("6.1.1 an image is looked after once for each container that is made, and never for an exec", {
  yaml: `type: chain
container: {${ALWAYS}}
steps:
  - {id: a, run: "true"}
  - {id: b, run: ["true", "true"]}
  - {id: f, container: ac-6-1-1, run: "true"}
  - id: c
    container: {${ALWAYS}}
    retry_policy: {limit: 1, interval_sec: 0}
    continue_on: {failure: true}
    run: "false"
`,
  before: (scene) => runForeign(scene, "ac-6-1-1", ["sleep", "3600"]),
  pulls: true,
  status: "partially_succeeded",
  created: 3,
  check: (end) => assert.equal(end.count(PULLS), 3),
  after: (scene) => removeForeign(scene, "ac-6-1-1"),
});

onEngines("2.13.1 every field that is used late knows references; unknown ones and commands stay text", {
  yaml:
    `params: [{IMG: "alpine:3.20"}, {WHO: nobody}, {DIR: /data/x}, {NET: none}, {VOL: "./mine"}, {SH: /bin/sh}]
env: [{E: "from env"}, {SAME: "from env"}]
consts: [{C: constant}]
steps:
  - id: a
    container:
      image: \${params.IMG}
      name: "ac-2-13-1-\${DAG_RUN_ID}"
      user: $WHO
      working_dir: "\${params.DIR}"
      network: "\${NET}"
      volumes: ["\${VOL}:/m:ro"]
      shell: ["\${SH}", "-c"]
      env:
        - ENV=\${env.E}
        - CONST=\${consts.C}
        - RUN=\${context.dag.name}
        - UNKNOWN=\${NOT_THERE} \$NOT_THERE_EITHER
        - QUOTED='\$SAME' "\$SAME"
        - COMMAND=\`id\` \$(id)
    run: 'whoami; pwd; ls /sys/class/net; ls /m; env | grep -E "^(ENV|CONST|RUN|UNKNOWN|QUOTED|COMMAND)=" | sort'
  - {id: b, container: {image: "alpine:3.20", command: [echo, "\${params.WHO}", "\$E"]}}
`,
  params: { IMG: "alpine:3.20", WHO: "nobody", DIR: "/data/x", NET: "none", VOL: "./mine", SH: "/bin/sh" },
  before: async ({ workDir }) => {
    await Deno.mkdir(`${workDir}/mine`);
    await Deno.writeTextFile(`${workDir}/mine/seen`, "");
  },
  stdout: {
    a: [
      "nobody",
      "/data/x",
      "lo",
      "seen",
      "COMMAND=`id` $(id)",
      "CONST=constant",
      "ENV=from env",
      "QUOTED='$SAME' \"from env\"",
      "RUN=flow",
      "UNKNOWN=${NOT_THERE} $NOT_THERE_EITHER",
      "",
    ].join("\n"),
    b: "nobody from env\n",
  },
});

onEngines("2.7.2 a port is the shared container's for the whole run, and nobody else's", {
  yaml: `container: {image: "alpine:3.20", ports: ["127.0.0.1:18072:80"]}
steps:
  - {id: a, run: "true"}
  - {id: b, depends: a, container: {image: "alpine:3.20", ports: ["127.0.0.1:18072:80"]}, run: "true"}
`,
  status: "failed",
  steps: { a: "0", b: ["1 PORT_IN_USE", /18072/] },
  check: () => Deno.listen({ hostname: "127.0.0.1", port: 18_072 }).close(),
});

onEngines("2.8.1 a network is a mode: another container's, the host's, or none", {
  yaml: `steps:
  - {id: joined, container: {image: "alpine:3.20", network: "container:ac-2-8-1"}, run: "ls /sys/class/net; nc 127.0.0.1 7777"}
  - {id: host, container: {image: "alpine:3.20", network: host}, run: "readlink /proc/self/ns/net"}
  - {id: bridge, container: {image: "alpine:3.20", network: bridge}, run: "ls /sys/class/net | grep -c -v '^lo$'"}
`,
  before: (scene) =>
    runForeign(scene, "ac-2-8-1", ["sh", "-c", "while :; do echo heard | nc -l -p 7777; done"]),
  stdout: { joined: "lo\nheard\n", bridge: /^[1-9]/ },
  check: async (end) => assert.equal(end.stdout("host"), `${await Deno.readLink("/proc/self/ns/net")}\n`),
  after: (scene) => removeForeign(scene, "ac-2-8-1"),
});

onEngines("2.2 what a reference comes to is judged before the engine is asked, in the same words on each", {
  yaml: `env: [{BAD: "bad name"}, {REL: "not/absolute"}, {PORT: "80/icmp"}, {IMG: "Not An Image"}]
type: chain
steps:
  - {id: name, continue_on: {failure: true}, container: {image: "alpine:3.20", name: "\${BAD}"}, run: "true"}
  - {id: dir, continue_on: {failure: true}, container: {image: "alpine:3.20", working_dir: "\${REL}"}, run: "true"}
  - {id: port, continue_on: {failure: true}, container: {image: "alpine:3.20", ports: ["\${PORT}"]}, run: "true"}
  - {id: image, continue_on: {failure: true}, container: {image: "\${IMG}"}, run: "true"}
  - {id: raw, continue_on: {failure: true}, action: docker.run, with: {image: "alpine:3.20", working_dir: "\${REL}", command: "true"}}
  - {id: remove, continue_on: {failure: true}, action: docker.run, with: {image: "alpine:3.20", auto_remove: "\${BAD}", command: "true"}}
`,
  status: "failed",
  created: 0,
  steps: {
    name: ["1 SPEC_INVALID", /"bad name" is invalid/],
    dir: ["1 SPEC_INVALID", /absolute.*"not\/absolute"/],
    port: ["1 SPEC_INVALID", /"80\/icmp"/],
    image: ["1 IMAGE_REFERENCE_INVALID", /"Not An Image"/],
    raw: ["1 SPEC_INVALID", /absolute.*"not\/absolute"/],
    remove: ["1 SPEC_INVALID", /auto_remove must be a boolean, got "bad name"/],
  },
});
