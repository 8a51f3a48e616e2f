/** Section 2 of the language, rule by rule, where neither its acceptance cases nor the field matrix have one. */
import { accept, acceptEach, START, VALIDATE } from "./harness.ts";

accept(
  "V-01 V-02 V-03 V-04 a literal, a resolved and a dynamic field",
  `
description: "\${consts.c} $(touch @W/literal)"
consts: [{c: value}]
params: [{name: P, eval: "$(echo computed)"}]
env: [{E: "$(touch @W/resolved) \${consts.c} \`touch @W/backtick\`"}]
steps: [{id: a, run: 'printf "%s|" "$E" "$P" > @W/o'}]
`,
  [{
    args: START,
    files: {
      literal: false,
      resolved: false,
      backtick: false,
      o: "$(touch @W/resolved) value `touch @W/backtick`|computed|",
    },
  }],
);
acceptEach("V-10 V-52 V-54 a reference that nothing answers: its field, its token, one reason", [
  ["steps: [{id: a, run: 'echo ${context.run.nope}'}]", {
    err: ["steps[0].run", "${context.run.nope}", "was left unchanged", "reason=unknown_context_field"],
  }],
  ["steps: [{id: a, run: 'echo ${steps.none.outputs.x}'}]", { err: ["reason=unknown_step_id"] }],
  ["steps: [{id: a, run: 'echo ${steps.a.outputs.x}', outputs: [{name: x}]}]", {
    err: ["reason=self_reference"],
  }],
  [
    "steps: [{id: a, run: x, outputs: [{name: x}]}, {id: b, depends: a, run: 'echo ${steps.a.outputs.y}'}]",
    { err: ["reason=unknown_output_name"] },
  ],
  ["steps: [{id: a, run: x, outputs: [{name: x}]}, {id: b, run: 'echo ${steps.a.outputs.x}'}]", {
    err: ["reason=missing_dependency"],
  }],
], VALIDATE);
accept(
  "V-10 an unknown fact stays as it is",
  "steps: [{id: a, run: \"echo '${context.run.nope}' > @W/o\"}]",
  [
    { args: START, files: { o: "${context.run.nope}\n" } },
  ],
);
accept(
  "V-14 V-15 YAML takes its backslash first, then the engine, then the shell",
  `
params: [{P: value}]
steps:
  - {id: double, run: "echo '\\\\\${params.P}' > @W/double"}
  - {id: single, run: 'echo "\\\\\${params.P}" > @W/single || true'}
`,
  [{ args: START, files: { double: "${params.P}\n" } }],
);
accept(
  "V-24 a number that is no number fails where it is needed",
  `
steps:
  - {id: a, run: "exit 1", retry_policy: {limit: "\${params.NONE}", interval_sec: 0}}
`,
  [{ args: START, code: 1, err: ["limit"] }],
);
accept(
  "V-25 handlers, defaults and custom actions are resolved as steps are",
  `
consts: [{c: value}]
defaults: {env: [{D: "d-\${consts.c}"}]}
actions: {say: {input_schema: {type: object}, template: {run: 'echo "$D \${consts.c}" > @W/custom'}}}
handler_on: {exit: {run: 'echo "$D \${consts.c}" > @W/exit'}}
steps: [{id: a, action: say}]
`,
  [{ args: START, files: { custom: "d-value value\n", exit: "d-value value\n" } }],
);
accept(
  "V-27 V-42 an output variable by the engine and by the shell, which may differ",
  `
steps:
  - {id: a, run: echo first, output: X}
  - {id: b, depends: a, env: {Y: "\${env.X}"}, run: 'X=second; printf "%s|" "\${env.X}" "$X" "$Y" > @W/o; env | grep "^X=" >> @W/o'}
`,
  [{ args: START, files: { o: "first|second|first|X=second\n" } }],
);
accept(
  "V-47 O-7 a slice of a property counts from 0",
  `
steps:
  - {id: a, run: echo abcdefgh, output: X}
  - {id: b, depends: a, run: "echo '\${a.stdout:0:5}' '\${a.stdout:2:3}' '\${X:1:2}' > @W/o"}
`,
  [{ args: START, files: { o: /^\S+ \S+ \S+\n$/ } }],
);
accept("O-8 R-41 a retention of 0 days is none", "hist_retention_days: 0\nsteps: [{id: a, run: 'true'}]", [
  { args: [...START, "--name", "kept-all"] },
  { args: [...START, "--name", "kept-all"] },
  { args: ["history", "kept-all", "--format", "csv"], out: ["kept-all"] },
]);
accept(
  "O-9 names within double quotes are the shell's",
  `
env: [{X: "a  b"}]
steps: [{id: a, run: 'X=mine; echo "\${X}" > @W/o'}]
`,
  [{ args: START, files: { o: "mine\n" } }],
);
accept(
  "S-37 a sub-workflow has a folder of its own, or the one that it names",
  `
working_dir: "@W"
steps:
  - {id: a, action: dag.run, with: {dag: own}}
  - {id: b, action: dag.run, with: {dag: named}}
---
name: own
steps: [{id: x, run: 'test "$PWD" = "$DAG_RUN_WORK_DIR" && test "$PWD" != "@W" && touch "@W/own"'}]
---
name: named
working_dir: "@W/named-dir"
steps: [{id: x, run: 'pwd > "@W/named"'}]
`,
  [{ args: START, files: { own: true, named: "@W/named-dir\n" } }],
);
accept(
  "S-122 an approval by command line of the API: rejected by nobody, the run waits",
  `
steps:
  - {id: a, run: "echo done > @W/a", approval: {prompt: "Good?", input: [WHO], required: [WHO]}}
  - {id: b, depends: a, run: "touch @W/b"}
`,
  [
    { args: [...START, "--name", "approved", "--run-id", "s122"], files: { a: "done\n", b: false } },
    { args: ["status", "approved", "--run-id", "s122"], out: ["Waiting", "prompt: Good?"] },
  ],
);
acceptEach("A-06 names of actions", [
  ["steps: [{id: a, action: nope.nope}]", { code: 1, err: ['unknown action "nope.nope"'] }],
  ["steps: [{id: a, action: k8s.run, with: {image: x}}]", { code: 1, err: ["k8s.run"] }],
  ["steps: [{id: a, action: 'x@'}]", { code: 1, err: ["versioned action references must use", '"x@"'] }],
]);

const LONG = "9007199254740993";

accept(
  "P-15 V-21 long integers keep their digits: an array, a schema, outputs, items, a sub-workflow",
  `
params: {schema: {type: object, properties: {id: {type: integer}, deep: {type: object}, rest: {type: string, default: r}}}}
steps:
  - {id: s, action: file.write, with: {path: "@W/o", content: "\${params.id} \${params.deep} \${params}"}}
  - id: out
    run: 'echo "{\\"n\\":${LONG}}"'
    output: {N: {from: stdout, decode: json, select: .n}}
  - {id: use, depends: out, action: file.write, with: {path: "@W/out", content: "\${steps.out.outputs.N}"}}
  - {id: each, action: dag.run, parallel: ["${LONG}"], with: {dag: kid, params: {N: "\${ITEM}"}}}
  - {id: all, depends: each, foreach: {items: "[${LONG}]", steps: [{id: f, run: "echo \${foreach.item} > @W/f"}]}}
---
name: kid
params: {N: ""}
steps: [{id: k, run: "echo $N > @W/k"}]
`,
  [
    {
      args: [...START, "--params", `{"id":${LONG},"deep":{"n":${LONG}}}`],
      files: {
        o: `${LONG} {"n":${LONG}} {"deep":{"n":${LONG}},"id":${LONG},"rest":"r"}`,
        out: LONG,
        k: `${LONG}\n`,
        f: `${LONG}\n`,
      },
    },
  ],
);

accept(
  "P-15 V-21 long integers of a JSON array keep their digits",
  'steps: [{id: s, action: file.write, with: {path: "@W/o", content: "${params}"}}]',
  [{ args: [...START, "--params", `[${LONG}]`], files: { o: `{"1":"${LONG}"}` } }],
);

accept(
  "V-21 integers of a caller's JSON keep all their digits",
  `
params: {A: 9007199254740993, B: ""}
steps:
  - {id: s, action: file.write, with: {path: "@W/o", content: "\${params.A} \${params.B}"}}
`,
  [{
    args: [...START, "--params", '{"A":9007199254740995,"B":{"x":[12345678901234567890]}}'],
    files: { o: '9007199254740995 {"x":[12345678901234567890]}' },
  }],
);
