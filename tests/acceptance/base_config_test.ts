/** 1.8: what every entry document of a service inherits. */
import { accept, START, VALIDATE } from "./harness.ts";

const BASE = { DAGU_BASE_CONFIG: "base.yaml" };

function inherits(
  title: string,
  base: string,
  yaml: string,
  call: Partial<Parameters<typeof accept>[2][number]>,
): void {
  accept(title, yaml, [{ args: START, env: BASE, write: { "base.yaml": base }, ...call }]);
}

inherits(
  "F-34 F-35 a scalar of the workflow wins, a list of texts is joined base first",
  `
env: [A: base, B: base]
consts: [{x: base}, {y: base}]
description: base
type: chain
`,
  `
env: [{B: own}, {C: "\${A}-own"}]
consts: [{y: own}, {z: own}]
steps:
  - {id: one, run: 'echo "$A $B $C \${consts.x} \${consts.y} \${consts.z}" > @W/one'}
  - {id: two, run: 'cat @W/one > @W/two'}
`,
  { files: { two: "base own base-own base own own\n" } },
);
inherits(
  "F-35 type is the base's only when the workflow names none",
  "type: chain",
  "type: graph\nsteps: [{id: a, run: 'false'}, {id: b, run: 'echo b > @W/b'}]",
  { code: 1, files: { b: "b\n" } },
);
inherits(
  "F-35 defaults merge per field",
  "defaults: {retry_policy: {limit: 1, interval_sec: 0}, env: [{X: base}]}",
  "defaults: {env: [{X: own}]}\nsteps: [{id: a, run: 'echo $X >> @W/a; test $(wc -l < @W/a) = 2'}]",
  { files: { a: "own\nown\n" } },
);
inherits(
  "7.3.1 F-35 a null harness takes the inherited one away",
  "harnesses: {mine: {binary: echo, prompt_mode: arg}}",
  "harnesses: {mine: null}\nsteps: [{id: a, action: harness.run, with: {provider: mine, prompt: hi}}]",
  { code: 1, err: ["mine"] },
);
inherits(
  "7.3.1 F-35 an inherited harness serves",
  "harnesses: {mine: {binary: echo, prompt_mode: arg}}",
  "steps: [{id: a, action: harness.run, with: {provider: mine, prompt: hi}, stdout: '@W/a'}]",
  { files: { a: "hi\n" } },
);
inherits(
  "F-35 a retention by days gives way to one by runs",
  "hist_retention_days: 3",
  "hist_retention_runs: 3\nsteps: [{id: a, run: 'true'}]",
  {},
);
inherits(
  "F-35 labels in any of their shapes are joined",
  "tags: 'team=a, nightly'",
  "labels: {own: yes}\nsteps: [{id: a, run: 'true'}]",
  { args: [...START, "--run-id", "labelled"] },
);
inherits(
  "F-36 a custom action is defined in one of both",
  "actions: {greet: {input_schema: {type: object}, template: {run: echo hi}}}",
  "actions: {greet: {input_schema: {type: object}, template: {run: echo ho}}}\nsteps: [{id: a, action: greet}]",
  { code: 1, err: ['custom action "greet" is defined both in the base configuration and here'] },
);
inherits(
  "F-34 a custom action of the base is the workflow's",
  "actions: {greet: {input_schema: {type: object}, template: {run: echo hi > @F}}}".replace("@F", "$PWD/hi"),
  "working_dir: '@W'\nsteps: [{id: a, action: greet}]",
  { files: { hi: "hi\n" } },
);
accept(
  "F-37 handlers of the base are those of the outermost run",
  `
env: [{W: '@W'}]
steps: [{id: a, action: dag.run, with: {dag: child.yaml, params: {W: '@W'}}}]
`,
  [{
    args: START,
    env: BASE,
    write: {
      "base.yaml":
        `handler_on: {success: {run: 'echo "$DAG_NAME $MORE" >> "$W/ran"'}}\nenv: [{MORE: inherited}]`,
      "child.yaml": `params: [W]\nsteps: [{id: b, run: 'echo "$DAG_NAME $MORE" >> "$W/ran"'}]`,
    },
    files: { ran: "child inherited\nw inherited\n" },
  }],
);
inherits(
  "F-38 a working_dir of the base is an explicit one",
  "working_dir: /tmp",
  "steps: [{id: a, run: 'pwd > @W/a'}]",
  { files: { a: "/tmp\n" } },
);

accept("F-34 mistakes of the base are told with their place in it", "steps: [{id: a, run: 'true'}]", [
  {
    args: VALIDATE,
    env: BASE,
    write: { "base.yaml": "# ours\nenv: {}\ntimeout_sec: soon\nsteps: []\n" },
    code: 1,
    err: ["base.yaml:4:1: steps: a base configuration must not define steps"],
  },
  {
    args: START,
    env: BASE,
    write: { "base.yaml": "timeout_sec: soon\n" },
    code: 1,
    err: ["base.yaml:1:1: timeout_sec"],
  },
  { args: VALIDATE, env: { DAGU_BASE_CONFIG: "none.yaml" }, code: 1, err: ["none.yaml", "DAGU_BASE_CONFIG"] },
]);

accept(
  "F-35 mistakes of the workflow keep their place when lists are joined",
  "env: [{A: b}, bad]\nsteps: [{run: x}]",
  [
    {
      args: VALIDATE,
      env: BASE,
      write: { "base.yaml": "env: [{X: a}, {Y: b}]" },
      code: 1,
      err: ["w.yaml:1:15: env[1]"],
      notErr: ["base.yaml"],
    },
  ],
);

accept("CM-03 exec --base", "steps: [{run: x}]", [
  {
    args: ["exec", "--base", "other.yaml", "--", "sh", "-c", 'echo "$GIVEN" > given'],
    write: { "other.yaml": "env: {GIVEN: by-base}" },
    files: { given: "by-base\n" },
  },
  { args: ["exec", "--base", "missing.yaml", "--", "true"], code: 1, err: ["missing.yaml"] },
]);
