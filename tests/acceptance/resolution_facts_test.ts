/** Layers, output variables, properties, notices, eval and run facts (workflow-language contract 2.5, 2.8 to 2.12, 7). */
import assert from "node:assert/strict";
import { accept, type Call, START } from "./harness.ts";

type Row = readonly [title: string, yaml: string, call: Omit<Call, "args"> & { readonly args?: string[] }];

const writes = (content: string, more = ""): string =>
  `  - {id: w, action: file.write, with: {path: @W/o, content: ${content}}${more}}\n`;

const ROWS: readonly Row[] = [
  [
    "V-21 numbers are written out, the shortest way",
    `consts: [{a: 1e-7}, {b: 1.50}, {c: 1e21}, {d: 0x1f}, {e: -0.0}, {f: 123456789012345678}, {g: false}, {h: .5}, {i: 3.0}]
steps:\n${
      writes(
        '"${consts.a} ${consts.b} ${consts.c} ${consts.d} ${consts.f} ${consts.g} ${consts.h} ${consts.i}"',
      )
    }`,
    {
      files: { o: "0.0000001 1.5 1000000000000000000000 31 123456789012345678 false 0.5 3" },
    },
  ],
  [
    "V-21 a declared JSON output is inserted as it was emitted",
    `steps:
  - {id: p, run: 'echo "j={ \\"a\\" : [1, 2.0] }" >> "$DAGU_OUTPUT_FILE"', outputs: [{name: j, type: json}]}
${writes('"${steps.p.outputs.j}"', ", depends: p")}`,
    { files: { o: '{ "a" : [1, 2.0] }' } },
  ],
  [
    "V-34 dotenv over root env over parameters, secrets over all",
    `working_dir: @W
params: {A: p, B: p, C: p, D: p}
env: [{B: e}, {C: e}, {D: e}]
secrets: [{name: D, provider: file, key: @W/sec}]
steps: [{id: s, run: 'printf "$A $B $C " > o; printf %s "$D" | tr a-z A-Z >> o'}]\n`,
    {
      write: { ".env": "C=d\nD=d\nDAG_NAME=fake\n", sec: "secret" },
      files: { o: "p e d SECRET" },
    },
  ],
  [
    "V-35, V-44 output variables, step env, files of the try",
    `env: [{A: root}, {PWD: fake}]
steps:
  - {id: p, run: echo out, output: A}
  - {id: q, depends: p, run: 'echo "$A \${env.A}" > @W/q'}
  - {id: r, depends: p, env: [{A: "own-\${env.A}"}, {DAGU_OUTPUT_FILE: mine}, {DAG_RUN_STEP_STDOUT_FILE: mine}, {B: "\${env.DAGU_OUTPUT_FILE}"}], run: 'echo "$A \${env.A} $B" > @W/r; test -f "$DAGU_OUTPUT_FILE"; test -f "$DAG_RUN_STEP_STDOUT_FILE"; test "$PWD" = "$(pwd)"; echo "$DAG_RUN_STEP_NAME" > @W/n'}
  - {id: x, run: 'echo "$A" > @W/x'}\n`,
    { files: { q: "out out\n", r: "own-out own-out mine\n", n: "r\n", x: "root\n" } },
  ],
  [
    "V-38 per-attempt names are not known in step env",
    `steps:
  - {id: r, env: [{B: "\${env.DAGU_OUTPUT_FILE}"}, {C: "\${context.paths.step_output_file}"}], run: 'printenv B > @W/o; printenv C >> @W/o'}\n`,
    {
      files: { o: /^\$\{env\.DAGU_OUTPUT_FILE\}\n/ },
    },
  ],
  [
    "V-36, V-37 protected names",
    `env: [{DAG_RUN_ID: fake}, {DAG_RUN_WORK_DIR: /fake}, {DAG_PARAMS_JSON: fake}, {SEEN: "\${env.DAG_RUN_ID}"}]
steps:
  - {id: a, run: 'echo "$DAG_RUN_ID \${env.DAG_RUN_ID} $DAG_PARAMS_JSON $SEEN" > @W/a; test -d "$DAG_RUN_WORK_DIR"'}
  - {id: b, env: [{DAG_NAME: own}], run: 'echo "$DAG_NAME \${context.dag.name} \${dag.name}" > @W/b'}\n`,
    {
      args: [...START, "--run-id", "r36"],
      files: { a: "r36 r36 {} fake\n", b: "own w w\n" },
    },
  ],
  [
    "V-39 the order within a list",
    `env: [{A: "\${env.B}|$B"}, {B: one}, {B: "\${env.B}-two"}, {C: "$B"}]
steps:\n${writes('"${env.A} ${env.B} ${env.C}"')}`,
    { files: { o: "${env.B}|$B one-two one-two" } },
  ],
  [
    "V-40 root env: facts, but no outputs",
    `env: [{A: "\${context.run.id} \${context.dag.name} \${steps.p.outputs.v} \${context.step.id}"}]
steps:
  - {id: p, run: 'echo v=1 >> "$DAGU_OUTPUT_FILE"', outputs: [{name: v}]}
${writes('"${env.A}"', ", depends: p")}`,
    {
      args: [...START, "--run-id", "r40"],
      files: { o: "r40 w ${steps.p.outputs.v} ${context.step.id}" },
    },
  ],
  [
    "V-41, V-43 who sees an output variable, and whose",
    `steps:
  - {id: far, run: echo far, output: X}
  - {id: a, depends: far, run: echo a, output: X}
  - {id: b, run: echo b, output: X}
  - {id: ab, depends: [a, b], run: 'echo "$X" > @W/ab'}
  - {id: ba, depends: [b, a], run: 'echo "$X" > @W/ba'}
  - {id: c, depends: a, run: 'echo "$X" > @W/c'}
  - {id: none, run: 'echo "[$X]" > @W/none'}\n`,
    {
      files: { ab: "far\n", ba: "far\n", c: "far\n", none: "[]\n" },
    },
  ],
  [
    "V-41 a handler sees them",
    `handler_on: {exit: {run: 'echo "$X \${env.X}" > @W/o'}}
steps: [{id: a, run: echo a, output: X}]\n`,
    { files: { o: "a a\n" } },
  ],
  [
    "V-45 a skipped step publishes nothing",
    `steps:
  - {id: a, preconditions: "false", continue_on: skipped, run: echo a, output: X}
  - {id: b, depends: a, run: 'echo "[$X]" > @W/o', env: [{Y: "\${env.X} \${a.output} \${a.exit_code}"}]}
${writes('"${env.X} ${a.output} ${steps.a.outputs.v}"', ", depends: a")}`.replace("> @W/o", "> @W/b"),
    {
      files: { b: "[]\n", o: "${env.X} ${a.output} ${steps.a.outputs.v}" },
    },
  ],
  [
    "V-46 short forms",
    `steps:
  - {id: p, run: 'echo out; echo err >&2; echo v=x >> "$DAGU_OUTPUT_FILE"', output: OUT, outputs: [{name: v}]}
  - {id: m, depends: p, run: "true"}
  - {id: c, depends: m, run: 'cat \${p.stdout} \${p.stderr} > @W/o; echo "\${p.output} \${p.outputs.v} \${p.exit_code} \${p.output:0:2} \${p.exit_code:0:1}" >> @W/o'}
  - {id: alone, action: file.write, with: {path: @W/alone, content: "\${p.output} \${p.stdout} \${p.exit_code}"}}\n`,
    {
      files: { o: "out\nerr\nout x 0 ou 0\n", alone: "${p.output} ${p.stdout} ${p.exit_code}" },
    },
  ],
  [
    "V-49 in a handler all executed steps resolve",
    `handler_on:
  exit: {action: file.write, with: {path: @W/o, content: "\${a.exit_code} \${b.outputs.v} \${b.output}"}}
steps:
  - {id: a, run: "exit 4", continue_on: failed}
  - {id: b, run: 'echo v=1 >> "$DAGU_OUTPUT_FILE"; echo out', outputs: [{name: v}], output: B}\n`,
    { files: { o: "4 1 out" } },
  ],
  [
    "V-50, V-51 no notices of them, and none from runs",
    `steps:
  - {id: a, run: "true"}
${writes('"${a.output} ${b.stdout} ${consts.no} ${env.NO}"')}`,
    {
      notErr: ["left unchanged", "reason="],
      notOut: ["left unchanged"],
      files: { o: "${a.output} ${b.stdout} ${consts.no} ${env.NO}" },
    },
  ],
  [
    "V-57, V-64 eval: references, names, then each command",
    `consts: [{c: cv}]
params:
  - {name: a, default: av}
  - {name: b, eval: "v$(echo 2)-\`echo 3\` \${consts.c} $a \${params.a} $(echo \${params.a}$a) \${params.later} \${params.b}"}
  - {name: d, eval: echo 2}
  - {name: later, eval: "$(echo \${params.d})"}
steps:\n${writes('"${params.b}|${params.d}|${params.later}"')}`,
    {
      files: { o: "v2-3 cv av av avav ${params.later} ${params.b}|echo 2|echo 2" },
    },
  ],
  [
    "V-59 escaped, unclosed and empty ones",
    `params:
  - {name: a, eval: '\\$(echo no) \\\`echo no\\\` \`\` $(echo'}
steps:\n${writes('"${params.a}"')}`,
    { files: { o: "$(echo no) `echo no` `` $(echo" } },
  ],
  [
    "V-60 where and how a command runs",
    `working_dir: @W/dir
env: [{E: ev}]
shell: bash
params:
  - {name: a, eval: "[$(echo '  x  '; echo no >&2)] $(pwd) $(echo \${BASH_VERSION:+bash}) $(cat <<< here)"}
steps:\n${writes('"${params.a}"')}`,
    { files: { o: "[x] @W/dir bash here" } },
  ],
  [
    "V-60 the environment known at that point",
    `params:
  - {name: A, default: av}
  - {name: B, eval: '$(echo "$A $DAG_NAME $LATER")'}
  - {name: LATER, default: l}
steps:\n${writes('"${params.B}"')}`,
    { files: { o: "av w" } },
  ],
  [
    "V-61 two seconds are the limit",
    `params: [{name: a, eval: "$(sleep 20; echo slow)", default: fast}]
steps:\n${writes('"${params.a}"')}`,
    { files: { o: "fast" } },
  ],
  [
    "V-62 the default is literal",
    `params: [{name: a, eval: "x$(exit 1)", default: "$(echo no) \${consts.c}"}]
consts: [{c: 1}]
steps:\n${writes('"${params.a}"')}`,
    { files: { o: "$(echo no) ${consts.c}" } },
  ],
  [
    "V-63 a condition's eval that fails",
    `steps: [{id: a, preconditions: [{eval: "$(exit 1)", expected: ""}], run: "touch @W/o"}]\n`,
    { code: 1, files: { o: false } },
  ],
  [
    "X-01 what is not available stays, and its variable is unset",
    `steps:
  - {id: s, run: 'echo "\${DAG_RUN_STATUS-unset} \${DAG_PUSHBACK-unset} \${DAG_WAITING_STEPS-unset} \${WEBHOOK_PAYLOAD-unset}" > @W/s'}
${
      writes(
        '"${context.run.status} ${context.run.scheduled_at} ${context.run.root_name} ${context.profile.name} ${context.pushback.iteration} ${run.status} ${profile.name}"',
      )
    }`,
    {
      files: {
        s: "unset unset unset unset\n",
        o: "${context.run.status} ${context.run.scheduled_at} ${context.run.root_name} ${context.profile.name} ${context.pushback.iteration} ${run.status} ${profile.name}",
      },
    },
  ],
  [
    "X-01 step.id only where the step has one",
    `steps:
  - {name: no id, action: file.write, with: {path: @W/o, content: "\${context.step.id} \${context.step.name} \${step.name}"}}\n`,
    { files: { o: "${context.step.id} no id no id" } },
  ],
  [
    "X-02 times are UTC with seconds and Z",
    `steps:\n${writes('"${context.run.scheduled_at} ${context.attempt.started_at} ${run.started_at}"')}`,
    {
      args: [...START, "--schedule-time", "2026-04-02T08:30:00.75+02:00"],
      files: { o: /^2026-04-02T06:30:00Z (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) \1$/ },
    },
  ],
  [
    "X-03 paths are absolute, and files are there",
    `artifacts: {enabled: true}
steps:
  - id: s
    run: |
      for f in "\${context.paths.log_file}" "\${context.paths.step_stdout_file}" "\${context.paths.step_stderr_file}" "\${context.paths.step_output_file}"; do
        case $f in /*) test -f "$f" ;; *) exit 1 ;; esac
      done
      for d in "\${context.paths.work_dir}" "\${context.paths.artifacts_dir}"; do
        case $d in /*) test -d "$d" ;; *) exit 1 ;; esac
      done
      test "\${paths.log_file}" = "$DAG_RUN_LOG_FILE"
      test "\${paths.work_dir}" = "$DAG_RUN_WORK_DIR"
      test "\${paths.artifacts_dir}" = "$DAG_RUN_ARTIFACTS_DIR"
      test "\${paths.step_stdout_file}" = "$DAG_RUN_STEP_STDOUT_FILE"
      test "\${paths.step_stderr_file}" = "$DAG_RUN_STEP_STDERR_FILE"
      test "\${paths.step_output_file}" = "$DAGU_OUTPUT_FILE"
      touch @W/o\n`,
    { files: { o: true } },
  ],
  [
    "X-04 a child's run and its root",
    `steps:
  - {id: c, action: dag.run, with: {dag: kid}}
---
name: kid
steps:\n${
      writes(
        '"${context.run.root_id} ${context.run.root_name} ${run.root_id} ${context.dag.name} ${context.run.id}"',
      )
    }`,
    {
      args: [...START, "--run-id", "r4"],
      files: { o: /^r4 w r4 kid (?!r4$)\S+$/ },
    },
  ],
  [
    "X-06 root env and eval see the run, not its steps",
    `params: [{name: a, eval: "\${context.run.id} \${context.dag.name} \${context.trigger.type} \${context.step.name} \${context.paths.step_stdout_file} $(echo \${context.attempt.id} | wc -w | tr -d ' ')"}]
env: [{E: "\${context.run.id} \${context.paths.work_dir} \${context.step.id} \${context.paths.step_stdout_file}"}]
steps:\n${writes('"${params.a}|${env.E}"')}`,
    {
      args: [...START, "--run-id", "r6"],
      files: {
        o: /^r6 w manual \$\{context\.step\.name\} \$\{context\.paths\.step_stdout_file\} 1\|r6 \/\S+ \$\{context\.step\.id\} \$\{context\.paths\.step_stdout_file\}$/,
      },
    },
  ],
  [
    "X-07 nothing overrides a fact",
    `params: {DAG_NAME: p, "context.dag.name": q}
env: [{DAG_RUN_ID: e}]
steps:\n${writes('"${context.dag.name} ${context.run.id}"', ", env: [{DAG_RUN_ID: own}]")}`.replace(
      ', "context.dag.name": q',
      "",
    ),
    {
      args: [...START, "--run-id", "r7"],
      files: { o: "w r7" },
    },
  ],
  [
    "X-09 what selects the service's engine means nothing in a workflow",
    `env: [{DAGU_CONTAINER_RUNTIME: nope}, {DAGU_HOME: /nope}, {DAGU_DEFAULT_SHELL: /nope}]
steps: [{id: s, run: 'echo "$DAGU_CONTAINER_RUNTIME" > @W/o'}]\n`,
    { files: { o: "nope\n" } },
  ],
  [
    "X-09 the default shell is the service's",
    `steps: [{id: s, run: 'echo "\${BASH_VERSION:+bash}" > @W/o'}]\n`,
    {
      env: { DAGU_DEFAULT_SHELL: "/bin/bash" },
      files: { o: "bash\n" },
    },
  ],
  ["X-08 the service's own variables do not leak", `steps: [{id: s, run: 'env > @W/o'}]\n`, {
    env: {
      DAGU_MARK: "leak",
      OTHER_MARK: "leak",
      DATABASE_URL_MARK: "leak",
      TZ: "Asia/Tokyo",
      http_proxy: "http://p:1",
    },
    files: {
      o: /^(?![\s\S]*leak)(?![\s\S]*DAGU_HOME)(?=[\s\S]*^TZ=Asia\/Tokyo$)(?=[\s\S]*^PATH=)(?=[\s\S]*^HOME=)/m,
    },
  }],
];

for (const [title, yaml, call] of ROWS) accept(title, yaml, [{ args: START, ...call }]);

accept(
  "X-05 a retry is another attempt of the same run",
  `steps:
  - {id: a, run: 'echo "\${context.run.id} \${context.attempt.id} \${context.attempt.started_at}" >> @W/o; test -e @W/ok'}
`,
  [
    { args: [...START, "--run-id", "rx5"], code: 1 },
    {
      args: ["retry", "--run-id", "rx5", "w"],
      write: { ok: "" },
      check: async (_, folder) => {
        const lines = (await Deno.readTextFile(`${folder}/o`)).trim().split("\n").map((line) =>
          line.split(" ")
        );
        assert.deepEqual(lines.map(([id]) => id), ["rx5", "rx5"]);
        assert.notEqual(lines[0]?.[1], lines[1]?.[1]);
      },
    },
  ],
);
