/** Identity, dependencies, run forms, outputs (workflow-language contract 10.4 to 10.6). */
import { accept, acceptEach, START, VALIDATE } from "./harness.ts";

acceptEach("T-34 ids", [
  ['steps: [{id: env, run: "true"}]', { code: 1, err: ["reserved word"] }],
  ['steps: [{id: Output, run: "true"}]', { code: 1, err: ["reserved word"] }],
  ['steps: [{id: a-b, run: "true"}]', { code: 1, err: ["invalid step ID format"] }],
  [`steps: [{id: ${"x".repeat(41)}, run: "true"}]`, { code: 1, err: ["at most 40"] }],
  [`steps: [{id: ${"x".repeat(40)}, run: "true"}]`, { isSilent: true }],
]);

acceptEach("T-35 clashes", [
  ['steps: [{id: a, run: "true"}, {id: a, run: "true"}]', { code: 1, err: ["duplicate step ID: a"] }],
  ['steps: [{id: a, run: "true"}, {name: a, run: "true"}]', { code: 1, err: ["conflicts"] }],
]);

const CHAIN = `type: chain
steps:
  - {id: a, run: "sleep 1; printf a >> @W/o"}
  - {id: b, run: "printf b >> @W/o"@D}
`;
accept("T-36 chain", CHAIN.replace("@D", ""), [{ args: START, files: { o: "ab" } }]);
accept("T-36 chain with depends", CHAIN.replace("@D", ", depends: []"), [
  { args: VALIDATE, code: 1, err: ["depends field is not allowed"] },
]);

const BRANCHES = `steps:
  - {id: bad, run: "exit 4"}
  - {id: after, depends: bad, run: "touch @W/after"}
  - {id: side, run: "sleep 1; touch @W/side"}
`;
accept("T-37 an independent branch survives", BRANCHES, [
  { args: START, code: 1, out: ["Result: Failed"], files: { side: true, after: false } },
  {
    args: ["status", "w"],
    check: ({ stdout }) => {
      for (const line of [/bad .*\[failed\]/, /after .*\[aborted\]/, /side .*\[succeeded\]/]) {
        if (!line.test(stdout)) throw new Error(`${line} is not in ${stdout}`);
      }
    },
  },
]);

accept("T-38 an unknown dependency", 'steps: [{id: a, run: "true", depends: nobody}]\n', [
  { args: VALIDATE, code: 1, err: ["depends on non-existent step"] },
]);

accept(
  "T-39 precedence among producers",
  `steps:
  - {id: p, run: "echo P", output: V}
  - {id: q, run: "echo Q", output: V}
  - {id: r, depends: [p, q], run: 'echo $V > @W/o'}
  - {id: u, run: 'sleep 1; echo "[$V]" > @W/u'}
`,
  [{ args: START, files: { o: "Q\n", u: "[]\n" } }],
);

// ---- run forms --------------------------------------------------------------------------------------------------

accept(
  "T-40 -e",
  `shell: /bin/sh
steps:
  - {id: a, run: "false; touch @W/a", continue_on: failed}
  - {id: b, run: "false; touch @W/b", with: {shell: /bin/sh}}
`,
  [{ args: START, out: ["Result: Partially Succeeded"], files: { a: false, b: true } }],
);

accept(
  "T-41 a list",
  `steps:
  - id: l
    run: ["X=1; touch @W/one", 'echo "[$X]" > @W/two', "exit 6", "touch @W/never"]
`,
  [{ args: START, code: 1, err: ["command 3 failed"], files: { one: true, two: "[]\n", never: false } }],
);

accept("T-42 a shebang", "steps:\n  - id: s\n    run: |\n      #!/usr/bin/env cat\n      text\n", [
  { args: START, err: ["text"] },
]);

accept("T-43 a line break comes in", 'params: {T: ""}\nsteps: [{id: s, run: "echo ${params.T} > @W/o"}]\n', [
  {
    args: ["start", "w.yaml", "--params", '{"T":"a\\nb"}'],
    code: 1,
    err: ["line break"],
    files: { o: false },
  },
]);
accept(
  "T-43 into a script",
  'params: {T: ""}\nsteps:\n  - id: s\n    run: |\n      echo "${params.T}" > @W/o\n',
  [
    { args: ["start", "w.yaml", "--params", '{"T":"a\\nb"}'], files: { o: "a\nb\n" } },
  ],
);

accept(
  "T-44 a shell argument is refused",
  'steps: [{id: s, run: "touch @W/o", with: {shell: "bash -lc"}}]\n',
  [
    { args: START, code: 1, err: ["-lc"], files: { o: false } },
  ],
);

accept(
  "T-45 exec has no shell",
  `steps:
  - id: e
    action: exec
    with: {command: printf, args: ["%s", "a; touch @W/x"]}
    stdout: @W/o
`,
  [{ args: START, files: { o: "a; touch @W/x", x: false } }],
);

accept(
  "T-46 work directories",
  `steps:
  - {id: a, run: "echo 1 > f"}
  - {id: b, depends: a, run: 'cat f > @W/o; test "$PWD" = "$DAG_RUN_WORK_DIR" && touch @W/same'}
`,
  [
    { args: START, files: { o: "1\n", same: true, f: false } },
    { args: START },
  ],
);

accept(
  "T-47 a step's time limit",
  `steps:
  - id: s
    run: echo x >> @W/o; sleep 30
    timeout_sec: 1
    retry_policy: {limit: 2, interval_sec: 0}
`,
  [
    { args: START, code: 1, err: ["timed out"], files: { o: "x\n" } },
    { args: ["status", "w", "--output", "json"], out: ['"exitCode": 124'] },
  ],
);

// ---- outputs ----------------------------------------------------------------------------------------------------

accept(
  "T-48 declared outputs, both types",
  `steps:
  - id: p
    run: |
      echo "tag= 1.0 " >> "$DAGU_OUTPUT_FILE"
      printf 'doc<<Z\\n{"k": [1, 2]}\\nZ\\n' >> "$DAGU_OUTPUT_FILE"
    outputs: [{name: tag}, {name: doc, type: json}]
  - id: c
    depends: p
    action: file.write
    with: {path: @W/o, content: "[\${steps.p.outputs.tag}]\${steps.p.outputs.doc}"}
`,
  [{ args: START, files: { o: '[ 1.0 ]{"k": [1, 2]}' } }],
);

const emits = (command: string): string => `steps:\n  - {id: s, run: '${command}', outputs: [{name: v}]}\n`;
acceptEach("T-49 the output file", [
  [emits("true"), { code: 1, err: ["was not emitted"] }],
  [emits('echo w=1 >> "$DAGU_OUTPUT_FILE"'), { code: 1, err: ["undeclared step output"] }],
  [emits('printf "v=1\\n\\n" >> "$DAGU_OUTPUT_FILE"'), { code: 1, err: ["line 2 of the output file"] }],
  [emits('printf "v=1\\nv=2\\n" >> "$DAGU_OUTPUT_FILE"'), { code: 1, err: ["duplicate"] }],
], START);

accept("T-50 undeclared on a plain step", `steps: [{id: s, run: 'echo x=1 >> "$DAGU_OUTPUT_FILE"'}]\n`, [
  { args: START, code: 1, err: ["undeclared step output"] },
]);

accept(
  "T-51 only the good attempt counts",
  `steps:
  - id: p
    run: |
      if [ -e @W/n ]; then echo v=two >> "$DAGU_OUTPUT_FILE"; else touch @W/n; echo v=one >> "$DAGU_OUTPUT_FILE"; exit 1; fi
    retry_policy: {limit: 1, interval_sec: 0}
    outputs: [{name: v}]
  - {id: c, depends: p, run: "echo \${steps.p.outputs.v} > @W/o"}
`,
  [{ args: START, files: { o: "two\n" } }],
);

accept(
  "T-52 output: NAME trims",
  `steps:
  - {id: p, run: "printf '\\\\n  a\\\\n b  \\\\n\\\\n'", output: TXT}
  - {id: c, depends: p, action: file.write, with: {path: @W/o, content: "[\${env.TXT}]"}}
`,
  [{ args: START, files: { o: "[a\n b]" } }],
);

accept(
  "T-53 the size of an output",
  "max_output_size: 10\nsteps: [{id: s, run: printf 01234567890, output: X}]\n",
  [
    { args: START, code: 1, err: ["output exceeded maximum size limit of 10 bytes"] },
  ],
);

accept(
  "T-54 object output and selection",
  `steps:
  - id: p
    run: echo '{"items":[{"n":"x"},{"n":"y"}]}'
    output:
      second: {from: stdout, decode: json, select: ".items[1].n"}
      fixed: 5
  - {id: c, depends: p, action: file.write, with: {path: @W/o, content: "\${p.output.second} \${p.output.fixed}"}}
`,
  [{ args: START, files: { o: "y 5" } }],
);

accept("T-55 a stream to a file appends", "steps: [{id: s, run: echo line, stdout: @W/o}]\n", [
  { args: START },
  { args: START, files: { o: "line\nline\n" } },
]);

accept(
  "T-56 property references",
  `steps:
  - {id: p, run: "echo body; exit 3", continue_on: {exit_code: [3]}}
  - {id: c, depends: p, run: 'cat \${p.stdout} > @W/o; echo \${p.exit_code} >> @W/o'}
`,
  [{ args: START, out: ["Result: Partially Succeeded"], files: { o: "body\n3\n" } }],
);

accept(
  "S-33 4.6 a working directory that cannot be made fails the step in words, and nothing else",
  `
steps:
  - {id: a, working_dir: @W/file/dir, run: "true", continue_on: failed}
  - {id: b, working_dir: @W/file, action: exec, with: {command: "true"}, continue_on: failed}
  - {id: c, run: "echo c > @W/o"}
`,
  [{
    args: START,
    write: { file: "" },
    out: [
      "INPUT_INVALID: cannot use working_dir @W/file/dir: ",
      "INPUT_INVALID: cannot use working_dir @W/file: ",
      "Result: Partially Succeeded",
    ],
    files: { o: "c\n" },
  }],
);
accept(
  "S-33 4.6 a working directory of the root that cannot be made fails the run in words",
  "working_dir: @W/file\nsteps: [{id: a, run: 'true'}]",
  [{
    args: START,
    code: 1,
    write: { file: "" },
    err: ["cannot use working_dir @W/file: "],
    notErr: ["internal error"],
  }],
);
