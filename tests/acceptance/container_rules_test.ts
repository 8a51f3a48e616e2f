/** 6.3 of the language, rule by rule, on Podman. What engines differ in has its cases in `containers/`. */
import { engineUnderTest } from "../support/engines.ts";
import { accept, acceptEach, type Call, START } from "./harness.ts";

const PODMAN = engineUnderTest("podman").env;
const IMAGE = 'image: "alpine:3.20"';

function contained(title: string, yaml: string, call: Omit<Call, "args"> = {}): void {
  accept(title, yaml, [{ args: START, ...call, env: { ...PODMAN, ...call.env } }]);
}

contained(
  "A-19 A-20 the root's container is shared, a step's own is its own",
  `
container: {${IMAGE}}
handler_on: {init: {run: "touch /seen"}}
steps:
  - {id: shared, run: "test -e /seen && echo shared > /tmp/x"}
  - {id: still, depends: shared, run: "cat /tmp/x", output: X}
  - {id: own, depends: still, container: {image: "busybox:1.36"}, run: "test ! -e /seen && echo own", output: Y}
  - {id: out, depends: own, container: {${IMAGE}, volumes: ["@W:/w"]}, run: 'echo "$X $Y" > /w/o'}
`,
  { files: { o: "shared own\n" } },
);
contained(
  "A-21 A-22 O-1 a command is the text of a shell (containers contract 2.12)",
  `
params: [{P: "a b"}]
steps:
  - {id: words, container: {${IMAGE}, volumes: ["@W:/w"]}, run: "touch '/w/one two' '/w/\${params.P}'"}
  - {id: shell, container: {${IMAGE}, volumes: ["@W:/w"]}, run: "echo \${params.P} > /w/o"}
`,
  { files: { "one two": true, "a b": true, o: "a b\n" } },
);
contained(
  "A-23 O-2 a script runs in the container",
  `
steps:
  - id: a
    container: {${IMAGE}, volumes: ["@W:/w"]}
    run: |
      cd /etc
      cat alpine-release > /w/o
`,
  { files: { o: /^3\.20/ } },
);
contained(
  "A-24 a list is executed in one container, to its first failure",
  `
steps:
  - id: a
    container: {${IMAGE}}
    run: ["touch /here", "test -e /here", "exit 4", "touch /never"]
`,
  { code: 1, err: ["command 3 failed"] },
);
contained(
  "A-25 the container's env wins over the step's; nothing of the service comes in",
  `
steps:
  - id: a
    env: [{A: step}, {B: step}]
    container: {${IMAGE}, env: {A: container}, volumes: ["@W:/w"]}
    run: 'sh -c "echo $A $B [\${DAGU_CONTAINER_RUNTIME}] > /w/o"'
`,
  { files: { o: /^container step \[/ } },
);
contained(
  "A-18 A-26 A-27 A-30 harnesses in containers: the image's own programs",
  `
container: {${IMAGE}}
harnesses: {echo: {binary: echo}, none: {binary: no-such-program}}
steps:
  - {id: shared, action: harness.run, with: {provider: echo, prompt: "in shared"}, output: A}
  - {id: own, container: {image: "busybox:1.36"}, action: harness.run, with: {provider: echo, prompt: "in own"}, output: B}
  - {id: absent, action: harness.run, with: {provider: none, prompt: x}, continue_on: {exit_code: 127}}
  - {id: out, depends: [shared, own, absent], container: {${IMAGE}, volumes: ["@W:/w"]}, run: 'echo "$A $B" > /w/o'}
`,
  { files: { o: "in shared in own\n" } },
);
contained(
  "A-28 A-29 what a harness in a container knows, and cannot be given",
  `
env: [{W: workflow}]
container: {${IMAGE}, env: {C: root}}
harnesses: {sh: {binary: sh, prefix_args: [-c]}, in: {binary: cat, prompt_mode: stdin}}
steps:
  - {id: a, env: [{S: step}], action: harness.run, with: {provider: sh, prompt: 'echo "$W $S $C [$(printenv DAG_RUN_WORK_DIR)]"'}, output: A}
  - {id: b, depends: a, action: harness.run, with: {provider: in, prompt: x}, continue_on: failed}
  - {id: out, depends: b, container: {${IMAGE}, volumes: ["@W:/w"]}, run: 'echo "$A" > /w/o'}
`,
  { out: ["does not support stdin input"], files: { o: "workflow step root []\n" } },
);
acceptEach("A-13 A-26 A-29 A-31 A-34 refused before anything runs", [
  [
    `harnesses: {h: {binary: cat}}\nsteps: [{id: a, container: {${IMAGE}}, action: harness.run, with: {provider: h, prompt: x, stdin: y}}]`,
    {
      code: 1,
      err: ["stdin"],
    },
  ],
  [
    `steps: [{id: a, container: {${IMAGE}, name: mine}, action: harness.run, with: {provider: claude, prompt: x}}]`,
    {
      code: 1,
      err: ["exec"],
    },
  ],
  [`steps: [{id: a, container: {${IMAGE}, runtime: podman}, run: x}]`, { code: 1, err: ["runtime"] }],
  [`steps: [{id: a, container: {${IMAGE}, volumes: ["/a:/b:zz"]}, run: x}]`, {
    code: 1,
    err: ["container.volumes[0]"],
  }],
]);
contained(
  "A-31 relative sources are below the working directory; a name that is not set is told",
  `
working_dir: "@W"
steps:
  - {id: a, container: {${IMAGE}, volumes: ["./sub:/w"]}, run: "touch /w/here"}
  - {id: b, depends: a, container: {${IMAGE}, volumes: ["$NOT_SET_AT_ALL/x:/w"]}, run: "true"}
`,
  { code: 1, err: ["unresolved environment variable"], files: { "sub/here": true } },
);
contained(
  "A-32 S-95 a timeout kills the command, not the shared container",
  `
container: {${IMAGE}}
max_clean_up_time_sec: 1
steps:
  - {id: slow, timeout_sec: 1, run: "sleep 60", continue_on: {exit_code: 124}}
  - {id: after, depends: slow, run: "echo alive"}
`,
  { out: ["alive", "[succeeded]"] },
);
accept(
  "A-34 A-35 A-36 the engine is the runner's choice alone",
  `
env: [{DAGU_CONTAINER_RUNTIME: docker}, {DAGU_PODMAN_HOST: "unix:///nowhere"}]
steps: [{id: a, container: {${IMAGE}, env: {DOCKER_HOST: "unix:///nowhere"}}, run: "echo ran"}]
`,
  [
    { args: START, env: { ...PODMAN, DOCKER_HOST: "unix:///nowhere" }, out: ["ran"] },
    { args: START, env: { ...PODMAN, DAGU_CONTAINER_RUNTIME: " Podman " }, out: ["ran"] },
    { args: START, env: { DAGU_CONTAINER_RUNTIME: "nerdctl" }, code: 1, err: ["invalid container runtime"] },
  ],
);
contained(
  "A-33 A-37 limits are given to what is made; a missing image is named",
  `
resources: {limits: {memory: 64Mi, cpu: "0.5"}}
steps:
  - {id: a, container: {${IMAGE}}, run: "true"}
  - {id: b, depends: a, container: {image: "nobody/nothing:9", pull_policy: never}, run: "true"}
`,
  { code: 1, err: ["nobody/nothing:9"] },
);
acceptEach(
  "3.9.6 what would be written to an output file that no container reaches is refused at load",
  [
    `steps: [{id: a, container: {${IMAGE}}, run: x, outputs: [{name: v}]}]`,
    `container: {${IMAGE}}\nsteps: [{id: a, run: x, outputs: [{name: v}]}]`,
    `container: {${IMAGE}}\nsteps: [{id: a, action: harness.run, with: {provider: claude, prompt: p}, outputs: [{name: v}]}]`,
    `steps: [{id: a, foreach: {items: [1], steps: [{id: b, container: {${IMAGE}}, run: x, outputs: [{name: v}]}]}}]`,
  ].map((yaml) =>
    [yaml, { code: 1, err: ["outputs cannot be written in a container", "output: NAME"] }] as const
  ),
);
contained(
  "2.3.3 S-95 a time that was spent on waiting for somebody else's container is told as that",
  `
steps:
  - {id: a, container: {exec: no-such-one}, run: "true", timeout_sec: 1, continue_on: failed}
  - {id: b, action: docker.run, with: {container_name: no-such-two, command: "true"}, timeout_sec: 1, continue_on: failed}
  - {id: c, run: "true"}
`,
  {
    out: [
      "(timeout_sec is 1); until then container no-such-one was waited for, which does not run",
      "(timeout_sec is 1); until then container no-such-two was waited for, which does not run",
    ],
  },
);
