/** The field matrix (workflow-language contract 2.6): what is replaced in each field, and what reaches its consumer as written. */
import { accept, type Call, START } from "./harness.ts";

type Row = readonly [title: string, yaml: string, call: Omit<Call, "args"> & { readonly args?: string[] }];

/** All that can be told apart: references, names of the workflow and of the service alone, quotes, escapes, a command. */
const PROBE =
  "${params.p} ${consts.c} $E '$E' '${env.E}' $HOST_ONLY ${HOST_ONLY:-d} ${E:-d} \\${params.p} \\$E $(echo x)";
const SCOPE = "pv cv ev '$E' 'ev' $HOST_ONLY ${HOST_ONLY:-d} ev ${params.p} $E $(echo x)";
const HOST = "pv cv ev '$E' 'ev' hv hv ev ${params.p} $E $(echo x)";
const HEAD = "consts: [{c: cv}]\nparams: {p: pv}\n";
const ROOT = `${HEAD}env: [{E: ev}]\n`;
const ENV = { HOST_ONLY: "hv" };

/** A scalar in YAML's single quotes. */
const q = (text: string): string => `'${text.replaceAll("'", "''")}'`;
const writes = (content: string, more = ""): string =>
  `  - {id: w, action: file.write, with: {path: @W/o, content: ${content}}${more}}\n`;

const ROWS: readonly Row[] = [
  [
    "X-08, X-09: what sets up the service is nobody's to read; a step's filtered environment is",
    `env:
  - {A: "$DATABASE_URL2 $DAGU_MARK"}
  - {B: "\${env.HOME} \${env.HOST_ONLY}"}
steps:
  - {id: s, run: 'echo "$A $B [$HOST_ONLY$DAGU_MARK] \${env.HOME}" > @W/o'}
`,
    {
      env: { ...ENV, DATABASE_URL2: "seen", DAGU_MARK: "hidden", HOME: "/tmp" },
      files: { o: "seen $DAGU_MARK /tmp ${env.HOST_ONLY} [] /tmp\n" },
    },
  ],
  [
    "with strings of an action, however deep: scope",
    `${ROOT}steps:
  - {id: j, action: jq.filter, with: {filter: ".a[0].b", raw: true, data: {a: [{b: ${
      q(PROBE)
    }}]}}, stdout: @W/j}
${writes(q(PROBE))}`,
    { files: { o: SCOPE, j: `${SCOPE}\n` } },
  ],
  [
    "description, group, labels: literal",
    `name: w
description: ${q(PROBE)}
group: ${q("${params.p}")}
${ROOT}steps:
  - {id: s, description: ${q(PROBE)}, run: "true"}\n`,
    {},
  ],
  [
    "consts: earlier consts only",
    `params: {p: pv}
consts: [{a: 1}, {b: "\${consts.a} \${params.p} \${env.HOME} $HOME \${consts.b} \${consts.z}"}, {z: 1}]
steps:\n${writes('"${consts.b}"')}`,
    { files: { o: "1 ${params.p} ${env.HOME} $HOME ${consts.b} ${consts.z}" } },
  ],
  [
    "root env: host, in order",
    `${HEAD}env: [{E: ev}, {F: ${q(PROBE)}}]
steps:\n${writes('"${env.F}"')}`,
    { files: { o: HOST } },
  ],
  ["step env: scope", `${ROOT}steps:\n${writes('"${env.F}"', `, env: [{F: ${q(PROBE)}}]`)}`, {
    files: { o: SCOPE },
  }],
  [
    "exec: command and arguments, host",
    `${ROOT}steps:
  - {id: w, action: exec, with: {command: "$PROGRAM", args: ["%s|", ${q(PROBE)}]}, stdout: @W/o}\n`,
    {
      env: { ...ENV, PROGRAM: "printf" },
      files: { o: `${HOST}|` },
    },
  ],
  [
    "run: references are the engine's, names the shell's",
    `${ROOT}steps:
  - {id: w, env: [{F: own}], run: 'echo "\${params.p} \${consts.c} $E \${env.E} $F \${env.F} \${NOPE:-d} $(echo x)" > @W/o'}\n`,
    {
      files: { o: "pv cv ev ev own own d x\n" },
    },
  ],
  [
    "run: a script",
    `${ROOT}steps:
  - id: w
    run: |
      E=two
      echo "\${params.p} $E \${env.E}" > @W/o
      printf '%s\\n' '\\\${params.p} \\$E' >> @W/o\n`,
    { files: { o: "pv two ev\n${params.p} \\$E\n" } },
  ],
  [
    "run: items of a list",
    `${ROOT}steps:
  - {id: w, run: ["echo \${params.p} > @W/o", 'echo "$E \${consts.c}" >> @W/o']}\n`,
    { files: { o: "pv\nev cv\n" } },
  ],
  [
    "with.shell and shell_args: scope",
    `${ROOT}steps:
  - {id: w, env: [{SH: sh}], run: 'echo "$0 $*" > @W/o', with: {shell: "/bin/$SH"}}
  - {id: a, depends: w, env: [{SH: sh}], run: 'echo "$-" > @W/a', with: {shell: "/bin/\${env.SH}", shell_args: ["-\${params.flag}"]}}
`.replace("p: pv", "p: pv, flag: f"),
    { files: { o: /\/bin\/sh/, a: /f/ } },
  ],
  [
    "root shell: scope",
    `${
      ROOT.replace("E: ev", "E: sh")
    }shell: ["/bin/$E", "-\${params.flag}"]\nsteps: [{id: w, run: 'echo "$-" > @W/o'}]\n`.replace(
      "p: pv",
      "p: pv, flag: f",
    ),
    { files: { o: /f/ } },
  ],
  [
    "root working_dir: scope",
    `${ROOT}working_dir: "@W/\${params.p}-$E-$HOST_ONLY"\nsteps: [{id: w, run: "pwd > @W/o"}]\n`,
    {
      files: { o: "@W/pv-ev-$HOST_ONLY\n" },
    },
  ],
  [
    "step working_dir: scope, with step env",
    `${ROOT}steps: [{id: w, env: [{F: fv}], working_dir: '@W/\${params.p}-$E-$F', run: "pwd > @W/o"}]\n`,
    {
      files: { o: "@W/pv-ev-fv\n" },
    },
  ],
  [
    "dotenv paths: host",
    `${ROOT}working_dir: @W\ndotenv: "$HOST_ONLY-\${params.p}-$E.env"\nsteps: [{id: w, run: "echo $D > @W/o"}]\n`,
    {
      write: { "hv-pv-ev.env": "D=dot\n" },
      files: { o: "dot\n" },
    },
  ],
  [
    "condition with expected: scope",
    `${ROOT}steps:
  - {id: a, preconditions: [{condition: ${q(PROBE)}, expected: ${q(SCOPE)}}], run: "touch @W/a"}
  - {id: b, preconditions: [{condition: "$HOST_ONLY", expected: hv}], run: "touch @W/b"}\n`,
    { files: { a: true, b: false } },
  ],
  [
    "condition that is a command: references and the shell's names",
    `${ROOT}steps:
  - {id: a, preconditions: 'test "\${params.p} $E \${NOPE:-d}" = "pv ev d"', run: "touch @W/a"}\n`,
    { files: { a: true } },
  ],
  [
    "eval of a condition: host",
    `${ROOT}steps:
  - {id: a, preconditions: [{eval: '\${params.p} $E $HOST_ONLY $(echo \${consts.c})', expected: pv ev hv cv}], run: "touch @W/a"}\n`,
    { files: { a: true } },
  ],
  [
    "params eval: host",
    `consts: [{c: cv}]
params:
  - {name: a, default: av}
  - {name: b, eval: '\${params.a} $HOST_ONLY \${consts.c} $a $(echo "$a")'}
steps:\n${writes('"${params.b}"')}`,
    { files: { o: "av hv cv av av" } },
  ],
  [
    "retry limits as text",
    `consts: [{n: 2}]\nenv: [{Z: "0"}]
steps: [{id: w, run: "echo x >> @W/o; exit 1", retry_policy: {limit: "\${consts.n}", interval_sec: "$Z"}}]\n`,
    {
      code: 1,
      files: { o: "x\nx\nx\n" },
    },
  ],
  [
    "repeat condition and limits as text",
    `params: {n: 3}\nenv: [{Z: "0", G: go}]
steps:
  - {id: w, run: "echo x >> @W/o", repeat_policy: {repeat: while, condition: "$G", expected: go, limit: "\${params.n}", interval_sec: "$Z", backoff: 2, max_interval_sec: "\${env.Z}"}}\n`,
    {
      files: { o: "x\nx\nx\n" },
    },
  ],
  [
    "dag.run: its name and every leaf of params",
    `${ROOT.replace("p: pv", "p: pv, kid: kid")}steps:
  - {id: w, action: dag.run, with: {dag: "\${params.kid}", params: {A: ${q(PROBE)}}}}
---
name: kid
params: {A: ""}
steps:\n${writes('"${params.A}"')}`,
    { files: { o: SCOPE } },
  ],
  [
    "parallel: items and their params",
    `${ROOT}steps:
  - id: w
    action: dag.run
    with: {dag: kid, params: {A: "\${ITEM.k}"}}
    parallel: {items: [{k: ${q("${params.p}-$E-$HOST_ONLY")}}]}
---
name: kid
params: {A: ""}
steps:\n${writes('"${params.A}"')}`,
    { files: { o: "pv-ev-$HOST_ONLY" } },
  ],
  [
    "foreach: items, key, body, collect",
    `${ROOT}steps:
  - id: f
    foreach:
      items: ["\${params.p}", {n: "$E"}]
      key: "\${foreach.index}-\${consts.c}"
      steps:
        - {id: w, action: file.write, with: {path: "@W/\${foreach.key}", content: "\${foreach.item} \${foreach.item.n} $E"}}
      collect: {a: "\${foreach.key} \${params.p}"}
    output: R
  - {id: c, depends: f, action: file.write, with: {path: @W/r, content: "\${env.R}"}}\n`,
    {
      files: { "0-cv": "pv ${foreach.item.n} ev", "1-cv": '{"n":"ev"} ev ev', r: /"a":"0-cv pv"/ },
    },
  ],
  [
    "stdout, stderr and artifact paths: scope",
    `${ROOT}steps:
  - {id: w, run: "echo out; echo err >&2", stdout: "@W/\${params.p}-$E", stderr: "@W/err-\${consts.c}"}
  - {id: a, run: "echo art", stdout: {artifact: "$E/\${params.p}"}}
  - {id: c, depends: a, run: 'cp "$DAG_RUN_ARTIFACTS_DIR/ev/pv" @W/art'}\n`,
    { files: { "pv-ev": "out\n", "err-cv": "err\n", art: "art\n" } },
  ],
  [
    "literals of outputs: scope",
    `${ROOT}steps:
  - id: w
    run: echo x > @W/file-pv
    output: {a: ${q(PROBE)}, b: {from: file, path: "@W/file-\${params.p}"}, c: {value: {d: ["$E", 3]}}}
  - {id: c, depends: w, action: file.write, with: {path: @W/o, content: "\${w.output.a}|\${w.output.b}|\${w.output.c}"}}
  - {id: s, run: "echo x", stdout: {outputs: {fields: {a: ${q(PROBE)}}}}}
  - {id: t, depends: s, action: file.write, with: {path: @W/t, content: "\${steps.s.outputs.a}"}}\n`,
    {
      files: { o: `${SCOPE}|x|{"d":["ev",3]}`, t: SCOPE },
    },
  ],
  [
    "router: its value, not its patterns",
    `${ROOT}steps:
  - {id: r, action: router.route, with: {value: "$E-\${params.p}", routes: {"ev-pv": [a], "$E-\${params.p}": [b]}}}
  - {id: a, run: "touch @W/a"}
  - {id: b, run: "touch @W/b"}\n`,
    { files: { a: true, b: false } },
  ],
  [
    "human.task: its prompt, not its form",
    `${ROOT}steps:
  - {id: w, action: human.task, with: {prompt: ${
      q(PROBE)
    }, form: {type: object, properties: {a: {type: string, title: "\${params.p}"}}}}}\n`,
    {
      out: [],
    },
  ],
  [
    "template: the body is literal, template_ref and data are not",
    `${ROOT}steps:
  - {id: p, run: 'echo "T={{ .v }}" > @W/t; echo "t=T={{ .v }}" >> "$DAGU_OUTPUT_FILE"', outputs: [{name: t}]}
  - {id: w, depends: p, action: template.render, with: {template_ref: "\${steps.p.outputs.t}", data: {v: "$E"}, output: @W/o}}
  - {id: x, action: template.render, with: {template: "$E \${params.p} {{ .v }}", data: {v: "$E"}, output: @W/x}}\n`,
    {
      files: { o: "T=ev", x: "$E ${params.p} ev" },
    },
  ],
  [
    "numbers and ids of a step: literal",
    `${ROOT}steps:
  - {id: w, run: "exit 1", continue_on: {output: ["\${params.p}"]}}\n`,
    { code: 1 },
  ],
  [
    "handlers follow the rows of steps",
    `${ROOT}handler_on:
  exit: {action: file.write, with: {path: @W/o, content: ${q(PROBE)}}}
steps: [{id: s, run: "true"}]\n`,
    { files: { o: SCOPE } },
  ],
  [
    "defaults follow them too",
    `${ROOT}defaults:
  env: [{F: ${q(PROBE)}}]
  preconditions: [{condition: "$E", expected: ev}]
steps:\n${writes('"${env.F}"')}`,
    { files: { o: SCOPE } },
  ],
  [
    "custom actions after their expansion",
    `${ROOT}actions:
  mine: {input_schema: {type: object, properties: {a: {type: string}}}, template: {action: file.write, with: {path: @W/o, content: {$input: a}}}}
steps: [{id: w, action: mine, with: {a: ${q(PROBE)}}}]\n`,
    { files: { o: SCOPE } },
  ],
];

for (const [title, yaml, call] of ROWS) {
  accept(`2.6 ${title}`, yaml, [{ args: START, env: ENV, ...call }]);
}
