/** `harness.run`: clauses of section 7 that no numbered case walks through. */
import assert from "node:assert/strict";
import { onEngines, removeForeign, runForeign, type Scene } from "./scene.ts";

onEngines("7.1.1 a prompt and its flags know the workflow's names and nothing of the runner's machine", {
  yaml: `env: [{WHO: me}, {TAG: x}, {YES: "true"}, {TEN: "10"}]
container: {image: "alpine:3.20"}
harnesses: {e: {binary: echo}}
steps:
  - id: a
    action: harness.run
    with:
      provider: e
      prompt: '$WHO \${WHO} \${NOT_THERE} $HOME \\$WHO'
      flag: "\${YES}"
      count: "\${TEN}"
      tag: ["\${TAG}", "true"]
`,
  stdout: { a: "me me ${NOT_THERE} $HOME $WHO --count 10 --flag --tag x --tag true\n" },
});

onEngines("2.12.6 a harness in somebody else's container has no shell either", {
  yaml: `harnesses: {e: {binary: echo}}
steps:
  - {id: a, action: harness.run, container: {exec: ac-2-12-6, shell: [/bin/sh, -c]}, with: {provider: e, prompt: 'a  "b" $(id) ; | > c'}}
`,
  before: (scene) => runForeign(scene, "ac-2-12-6", ["sleep", "3600"]),
  stdout: { a: 'a  "b" $(id) ; | > c\n' },
  after: (scene) => removeForeign(scene, "ac-2-12-6"),
});

onEngines(
  "7.6.2 7.6.3 a failed try: its number, its provider, the next one, and the end of what it printed",
  {
    yaml: `harnesses:
  bad: {binary: sh, prefix_args: [-c, "seq 1000 1999; exit 5", x]}
  good: {binary: sh, prefix_args: [-c, "echo second", x]}
container: {image: "alpine:3.20"}
steps:
  - {id: a, action: harness.run, with: {provider: bad, prompt: p, fallback: [{provider: good}]}}
`,
    stdout: { a: "second\n" },
    check: (end) => {
      const printed = Array.from({ length: 1000 }, (_, at) => `${1000 + at}\n`).join("");
      assert.equal(
        end.stderr("a"),
        `recent stdout (tail) of harness provider bad:\n${printed.slice(-1024).trimEnd()}\n` +
          "harness attempt 1/2 (bad) failed; next: 2/2 (good)\n",
      );
    },
  },
);

onEngines(
  "7.6.1 7.6.5 a program that is not there is a failure like any, and not looked for before its turn",
  {
    yaml: `harnesses:
  good: {binary: echo}
  gone: {binary: no-such-agent}
container: {image: "alpine:3.20"}
steps:
  - {id: a, action: harness.run, with: {provider: good, prompt: first, fallback: [{provider: gone}]}}
  - {id: b, action: harness.run, with: {provider: gone, prompt: then, fallback: [{provider: good}]}}
  - {id: c, action: harness.run, container: {image: "no.such/image:1", pull_policy: never}, with: {provider: good, prompt: p, fallback: [{provider: gone}]}, continue_on: {failure: true}}
`,
    status: "partially_succeeded",
    stdout: { a: "first\n", b: "then\n" },
    steps: { a: "0", b: "0", c: "1 IMAGE_MISSING" },
    check: (end) => {
      // 7.6.2: nothing but this line tells why.
      const why = 'COMMAND_NOT_FOUND: program "no-such-agent" is not in image "alpine:3.20"';
      assert.equal(end.stderr("b"), `harness attempt 1/2 (gone) failed (${why}); next: 2/2 (good)\n`);
    },
  },
);

onEngines("7.7.2 a root container that cannot be used is no reason to run on the host", {
  yaml: `container: {image: "alpine:no-such-tag", pull_policy: never}
harnesses: {e: {binary: sh, prefix_args: [-c, "echo here > ran", x]}}
steps: [{id: a, action: harness.run, with: {provider: e, prompt: p}}]
`,
  status: "failed",
  steps: { a: "not_started" },
  created: 0,
  check: async (end) => {
    assert.equal(end.state.failure?.code, "IMAGE_MISSING");
    assert.equal(await Deno.stat(`${end.workDir}/ran`).catch(() => null), null);
  },
});

/** An image that was built on the machine, whose entrypoint ends at once. */
async function build(scene: Scene): Promise<void> {
  await unbuild(scene);
  const changes = encodeURIComponent('ENTRYPOINT ["false"]\nENV FROM_IMAGE=yes');
  const body = { Image: "alpine:3.20", Entrypoint: ["false"], Env: ["FROM_IMAGE=yes", "HOME=/home/image"] };
  const { Id } = await scene.client.ask("POST", "/containers/create?name=ac-7-7-5", body) as { Id: string };
  await scene.client.ask("POST", `/commit?container=${Id}&repo=ac-7-7-5&tag=1&changes=${changes}`, {});
  await removeForeign(scene, "ac-7-7-5");
}

async function unbuild(scene: Scene): Promise<void> {
  await removeForeign(scene, "ac-7-7-5");
  await scene.client.ask("DELETE", "/images/ac-7-7-5:1?force=1", undefined, [404, 500]);
}

onEngines(
  "7.7.5 OD-4 2.10.1 an image's entrypoint keeps neither harness, run nor keep-alive from what they are",
  {
    yaml: `container: {image: "ac-7-7-5:1", pull_policy: never}
harnesses: {sh: {binary: sh, prefix_args: [-c]}}
steps:
  - {id: shared, run: "echo run"}
  - {id: agent, action: harness.run, with: {provider: sh, prompt: 'echo "$FROM_IMAGE $HOME"'}}
  - {id: own, container: {image: "ac-7-7-5:1", pull_policy: never}, run: "echo own"}
  - {id: list, container: {image: "ac-7-7-5:1", pull_policy: never}, run: ["echo list", "true"]}
  - {id: agent2, action: harness.run, container: {image: "ac-7-7-5:1", pull_policy: never}, with: {provider: sh, prompt: 'test -n "$PATH"; echo "$FROM_IMAGE $HOME"'}}
  - {id: raw, action: docker.run, continue_on: {failure: true}, with: {image: "ac-7-7-5:1", pull: never, auto_remove: true, command: "echo raw"}}
  - {id: direct, container: {image: "ac-7-7-5:1", pull_policy: never, shell: [direct]}, continue_on: {failure: true}, run: "echo direct"}
`,
    before: build,
    status: "partially_succeeded",
    stdout: {
      shared: "run\n",
      agent: "yes /home/image\n",
      own: "own\n",
      list: "list\n",
      agent2: "yes /home/image\n",
      raw: "",
      direct: "",
    },
    steps: { raw: "1 COMMAND_FAILED", direct: "1 COMMAND_FAILED" },
    after: unbuild,
  },
);

onEngines("7.7.6 limits of the workflow are those of a harness's container, too", {
  yaml: `resources: {limits: {memory: 64Mi}}
harnesses: {sh: {binary: sh, prefix_args: [-c]}}
steps:
  - {id: a, action: harness.run, container: {image: "alpine:3.20", volumes: [".:/w"]}, with: {provider: sh, prompt: "while [ ! -e /w/go ]; do sleep 0.1; done"}}
`,
  meanwhile: async (scene) => {
    await scene.told("container.started", "a");
    const [id = ""] = await scene.containers();
    const { HostConfig } = await scene.client.ask("GET", `/containers/${id}/json`) as {
      HostConfig: { Memory: number };
    };
    await Deno.writeTextFile(`${scene.workDir}/go`, "");
    // Rootless Podman on cgroup 1 has none (F46).
    assert.equal(HostConfig.Memory, scene.engine.name === "podman-rootless" ? 0 : 64 * 2 ** 20);
  },
});

const LOOK =
  "env | grep -E '^(W|P|S|C|PWD|DAGU_OUTPUT_FILE|DAG_[A-Z_]+|DAGU_PARAMS_JSON)=' | sed 's/=.*//' | sort | tr '\\n' ' '";
const HOST_PATHS =
  /PWD|DAG_WIKI_DIR|DAG_DOCS_DIR|ARTIFACTS_DIR|LOG_FILE|STDOUT_FILE|STDERR_FILE|WORK_DIR|DAGU_OUTPUT_FILE/;
onEngines("7.9.2 3.6.2 a harness sees the workflow's scope; in a container without the paths of the host", {
  yaml: `env: [{W: w}]
params: [{P: p}]
harnesses: {sh: {binary: env}, look: {binary: sh, prefix_args: [-c]}}
container: {image: "alpine:3.20", env: [{C: c}]}
handler_on:
  exit: {action: harness.run, with: {provider: look, prompt: "${LOOK}"}}
steps:
  - {id: shared, env: [{S: s}], action: harness.run, with: {provider: look, prompt: "${LOOK}"}}
  - {id: own, env: [{S: s}], action: harness.run, container: {image: "alpine:3.20"}, with: {provider: look, prompt: "${LOOK}"}}
`,
  params: { P: "p" },
  check: (end) => {
    for (const name of ["shared", "own", "onExit"]) {
      // The shell sets PWD for itself.
      const seen = end.stdout(name).trim().split(" ").filter((word) => word !== "PWD");
      const wanted = [
        "W",
        "P",
        "DAG_NAME",
        "DAG_RUN_ID",
        "DAG_RUN_STEP_NAME",
        "DAG_PARAMS_JSON",
        "DAGU_PARAMS_JSON",
      ];
      if (name !== "onExit") wanted.push("S");
      else wanted.push("DAG_RUN_STATUS");
      if (name !== "own") wanted.push("C");
      for (const variable of wanted) assert.ok(seen.includes(variable), `${name}: ${variable} of ${seen}`);
      assert.doesNotMatch(seen.join(" "), HOST_PATHS, name);
    }
  },
});

onEngines("7.9.2 on the host a harness has the whole of a step's environment", {
  yaml: `env: [{W: w}]
harnesses: {look: {binary: sh, prefix_args: [-c]}}
steps:
  - {id: a, env: [{S: s}], action: harness.run, with: {provider: look, prompt: 'echo "$W $S"; test -n "$PATH$HOME"; test -d "$DAG_RUN_WORK_DIR" && test "$PWD" = "$DAG_RUN_WORK_DIR"; test -n "$DAG_RUN_LOG_FILE"'}}
`,
  stdout: { a: "w s\n" },
  created: 0,
});
