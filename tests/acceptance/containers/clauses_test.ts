/** Clauses of sections 2 to 5 that no numbered case walks through, on each engine. */
import assert from "node:assert/strict";
import { onEngines, removeForeign, runForeign } from "./scene.ts";

onEngines(
  "2.5.1 2.5.3 entries see earlier ones; themselves, later ones, commands and the runner's environment they do not",
  {
    yaml: `env: [{P: p}]
steps:
  - id: a
    container:
      image: alpine:3.20
      env: [A=1, 'B=\${A}\${P}', 'SELF=x\${SELF}', 'LATER=\${LAST}', 'TICKS=\`id\`', 'OURS=\${HOME}', LAST=l]
    run: env | grep -E '^(B|SELF|LATER|TICKS|OURS)=' | sort
`,
    stdout: { a: "B=1p\nLATER=${LAST}\nOURS=${HOME}\nSELF=x${SELF}\nTICKS=`id`\n" },
  },
);

onEngines("2.6.3 2.6.4 relative sources: the root's working_dir, the step's below it, made when missing", {
  yaml: `working_dir: /tmp/dagu-2-6-3/deep
steps:
  - {id: a, container: {image: "alpine:3.20", volumes: [".:/w"]}, run: "echo root > /w/f"}
  - {id: b, depends: a, working_dir: sub, container: {image: "alpine:3.20", volumes: [".:/w", "..:/up:ro"]}, run: "echo sub > /w/f; cat /up/f"}
`,
  before: (scene) => makeOwned("/tmp/dagu-2-6-3", scene.engine.socket),
  stdout: { b: "root\n" },
  check: async () => {
    assert.equal(await Deno.readTextFile("/tmp/dagu-2-6-3/deep/f"), "root\n");
    assert.equal(await Deno.readTextFile("/tmp/dagu-2-6-3/deep/sub/f"), "sub\n");
  },
  after: () => Deno.remove("/tmp/dagu-2-6-3", { recursive: true }).catch(() => {}),
});

async function makeOwned(path: string, socket: string): Promise<void> {
  await Deno.remove(path, { recursive: true }).catch(() => {});
  await Deno.mkdir(path);
  const { uid, gid } = await Deno.stat(socket);
  if (uid !== null && gid !== null) await Deno.chown(path, uid, gid);
}

onEngines("2.13.2 3.1.6 the root container knows no step's output; a step's own is resolved for each try", {
  yaml: `container: {image: "alpine:3.20", env: ['FROM=\${steps.a.outputs.X}']}
steps:
  - {id: a, run: "echo alpine:3.20", output: IMAGE}
  - {id: b, depends: a, run: 'env | sed -n "s/^FROM=//p"'}
  - {id: c, depends: a, container: {image: "\${IMAGE}"}, run: "echo resolved"}
`,
  stdout: { b: /^\$\{steps\.a\.outputs\.X\}\n$/, c: "resolved\n" },
});

onEngines(
  "3.6.1 3.6.2 3.6.4 OD-7 a shared run sees the step's env below the container's, and nothing of the workflow's",
  {
    yaml: `env: [{W: w}]
params: {P: p}
container: {image: "alpine:3.20", env: [{BOTH: c}]}
steps:
  - {id: a, env: [{BOTH: s}, {ONLY: s}], run: "env | grep -E '^(W=|P=|BOTH|ONLY|DAG_|DAGU_OUT)' | sort"}
`,
    stdout: { a: "BOTH=c\nONLY=s\n" },
  },
);

onEngines("3.9.6 4.4.1 a script keeps its line breaks; an output file of the host is not there", {
  yaml: `steps:
  - id: a
    container: {image: "alpine:3.20"}
    run: |

      cat <<'E'
      one

        two
      E
      env | grep -c DAGU_OUTPUT_FILE || true
      echo "[$DAGU_OUTPUT_FILE]"
`,
  stdout: { a: "one\n\n  two\n0\n[]\n" },
});

onEngines("5.1.3 limits of the workflow beat raw ones", {
  yaml: `resources: {limits: {memory: 64Mi, cpu: "0.5"}}
steps:
  - {id: a, action: docker.run, with: {image: "alpine:3.20", auto_remove: true, host: {Memory: 134217728, NanoCPUs: 2000000000}, command: "sleep 3"}}
`,
  meanwhile: async (scene) => {
    await scene.told("container.started", "a");
    const [id = ""] = await scene.containers();
    const inspected = await scene.client.ask("GET", `/containers/${id}/json`) as {
      HostConfig: { Memory: number; NanoCpus: number };
    };
    // Rootless Podman on cgroup 1 has none (F46).
    if (scene.engine.name === "podman-rootless") return;
    assert.equal(inspected.HostConfig.Memory, 64 * 2 ** 20);
    assert.equal(inspected.HostConfig.NanoCpus, 5e8);
  },
});

onEngines("5.3.2 5.4 docker.run gives its words to the entrypoint", {
  yaml: `steps:
  - {id: a, action: docker.run, with: {image: "alpine:3.20", auto_remove: true, container: {Entrypoint: [echo, e]}, command: "a 'b  c' > d"}}
`,
  stdout: { a: "e a b  c > d\n" },
});

onEngines("4.2.1 2.3.2 commands in somebody else's container have their own user, folder and variables", {
  yaml: `steps:
  - {id: a, container: {exec: ac-4-2-1, user: nobody, working_dir: /tmp, env: [X=1]}, run: 'echo "$(whoami) $(pwd) $X"'}
`,
  before: (scene) => runForeign(scene, "ac-4-2-1", ["sleep", "3600"]),
  stdout: { a: "nobody /tmp 1\n" },
  created: 0,
  after: (scene) => removeForeign(scene, "ac-4-2-1"),
});
