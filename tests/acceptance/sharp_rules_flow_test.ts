/**
 * Sharp rules of a run (workflow-language contract 9, 63 to 112): processes, outputs, flow, harnesses. A rule that an
 * acceptance case holds already is not repeated: 63 T-40, 67 T-44, 68 T-43, 70 T-47, 73 T-46, 75 T-50, 76 77 T-49, 79 T-48 T-52,
 * 80 T-51, 81 T-53, 82 T-56, 83 T-55, 85 T-37, 86 T-58, 88 T-56, 89 T-65, 92 T-60, 94 T-68, 95 T-67, 97 T-62, 98 T-63, 100 T-70,
 * 103 104 T-79, 106 107 T-80, 108 T-82, 111 T-83, 117 T-85. 71 is in stop_test.ts, 113 to 120 are in containers_test.ts.
 */
import { accept, acceptEach, type Call, START } from "./harness.ts";

type Rule = readonly [title: string, yaml: string, call: Omit<Call, "args">];

/** A script of `text` (YAML text of a scalar), whose stdout goes to `o`. */
const script = (text: string, more = ""): string =>
  `steps:\n  - {id: s, run: ${text}, stdout: @W/o${more}}\n`;
const CAT = '"#!/usr/bin/env cat\\n"';
const SHEBANG = '"#!/usr/bin/env cat\\necho hi\\n"';

const PROCESSES: readonly Rule[] = [
  [
    "9.64: one line with its break is a script",
    script(CAT),
    { files: { o: "#!/usr/bin/env cat\n" } },
  ],
  [
    "9.65: a shebang after a blank line is none",
    script('"\\n#!/usr/bin/env cat\\necho hi\\n"'),
    { files: { o: "hi\n" } },
  ],
  [
    "9.66: the shell of a step beats the shebang",
    script(SHEBANG, ", with: {shell: /bin/sh}"),
    { files: { o: "hi\n" } },
  ],
  [
    "9.66: the shell of the workflow does not",
    `shell: /bin/sh\n${script(SHEBANG)}`,
    { files: { o: "#!/usr/bin/env cat\necho hi\n" } },
  ],
  [
    "9.69: the exit code is the process's, in policies and references",
    `steps:
  - id: a
    run: echo x >> @W/n; exit 17
    retry_policy: {limit: 1, interval_sec: 0, exit_code: [17]}
    continue_on: {exit_code: 17}
  - {id: b, depends: a, run: "echo \${a.exit_code} > @W/o"}
`,
    { files: { n: "x\nx\n", o: "17\n" } },
  ],
  [
    "9.74: a missing working directory is made",
    'steps: [{id: s, working_dir: @W/new/deep, run: "pwd > @W/o"}]\n',
    { files: { o: "@W/new/deep\n" } },
  ],
  [
    "9.78: the first mark of an output line decides",
    `steps:
  - {id: p, run: 'echo "a=b<<c" >> "$DAGU_OUTPUT_FILE"', outputs: [{name: a}]}
  - {id: c, depends: p, action: file.write, with: {path: @W/o, content: "\${steps.p.outputs.a}"}}
`,
    { files: { o: "b<<c" } },
  ],
  [
    "9.84: the output of a skipped step stays a reference",
    `steps:
  - {id: p, run: "true", preconditions: "false", continue_on: skipped, outputs: [{name: v}]}
  - {id: c, depends: p, action: file.write, with: {path: @W/o, content: "\${steps.p.outputs.v}"}}
`,
    { files: { o: "${steps.p.outputs.v}" } },
  ],
];

accept("9.72: two runs do not see each other's files", 'steps: [{id: s, run: "test ! -e f; echo 1 > f"}]\n', [
  { args: START },
  { args: START },
]);

const FLOW: readonly Rule[] = [
  [
    "9.87: all skipped is a success",
    'steps: [{id: s, preconditions: "false", run: "true"}]\n',
    { out: ["Result: Succeeded", "[skipped]"] },
  ],
  [
    "9.90: every precondition is looked at",
    'steps: [{id: s, preconditions: ["false", "touch @W/second"], run: "touch @W/s"}]\n',
    { files: { second: true, s: false } },
  ],
  [
    "9.91: expected is a line, a pattern matches within one",
    `steps:
  - {id: a, preconditions: [{condition: "abc", expected: b}], run: "touch @W/a"}
  - {id: b, preconditions: [{condition: "abc", expected: "re:b"}], run: "touch @W/b"}
`,
    { files: { a: false, b: true } },
  ],
  [
    "9.93: an unmet condition of the workflow is no success",
    'preconditions: ["false"]\nhandler_on: {success: {run: "touch @W/good"}}\nsteps: [{id: s, run: "true"}]\n',
    { out: ["Result: Aborted"], files: { good: false } },
  ],
  [
    "9.96: a waiting run has its wait handler and no exit handler",
    `handler_on:
  wait: {run: 'echo "$DAG_RUN_STATUS $DAG_WAITING_STEPS" > @W/wait'}
  exit: {run: "touch @W/exit"}
steps: [{id: ask, action: human.task, with: {prompt: Well?}}]
`,
    { files: { wait: "waiting ask\n", exit: false } },
  ],
  [
    "9.99: until a condition that is met at once",
    `steps:
  - id: s
    run: echo x >> @W/n
    repeat_policy: {repeat: until, condition: "y", expected: "y", interval_sec: 0, limit: 5}
`,
    { files: { n: "x\n" } },
  ],
  [
    "9.101: ten equal items are one child",
    `steps:
  - {id: fan, action: dag.run, with: {dag: kid}, parallel: [x, x, x, x, x, x, x, x, x, x], stdout: @W/o}
---
name: kid
steps: [{id: k, run: "echo x >> @W/n"}]
`,
    { files: { n: "x\n", o: /^\{\n {2}"summary": \{\n {4}"total": 1,\n/ } },
  ],
  [
    "9.102: a failing child does not end the others",
    `steps:
  - id: fan
    action: dag.run
    with: {dag: kid, params: {ID: "\${ITEM}"}}
    parallel: {items: [bad, good, late], max_concurrent: 1}
---
name: kid
params: {ID: ""}
steps: [{id: k, run: 'touch "@W/$ID"; test "$ID" != bad'}]
`,
    { code: 1, out: ["Result: Failed"], files: { bad: true, good: true, late: true } },
  ],
  [
    "9.105: an enqueued child has no say in its parent's end",
    `steps:
  - {id: e, action: dag.enqueue, with: {dag: kid}, stdout: @W/o}
---
name: kid
steps: [{id: k, run: "exit 1"}]
`,
    { out: ["Result: Succeeded"], files: { o: /"name": ?"kid"/ } },
  ],
];

const HARNESSES: readonly Rule[] = [
  [
    "9.109 9.110: flags of built-in and own adapters",
    `env: [{PATH: "@W/bin:$PATH"}]
harnesses: {mine: {binary: claude}}
steps:
  - {id: make, run: "mkdir @W/bin; chmod +x @W/tool; for t in claude codex; do ln -s @W/tool @W/bin/$t; done"}
  - {id: a, depends: make, action: harness.run, with: {provider: claude, prompt: hi, max_turns: 3}, stdout: @W/a}
  - {id: b, depends: make, action: harness.run, with: {provider: mine, prompt: hi, max_turns: 3}, stdout: @W/b}
  - {id: c, depends: make, action: harness.run, with: {provider: codex, prompt: hi}, stdout: @W/c}
  - {id: d, depends: make, action: harness.run, with: {provider: codex, prompt: hi, skip_git_repo_check: false}, stdout: @W/d}
`,
    {
      write: { tool: "#!/bin/sh\nprintf '%s\\n' \"$@\"\n" },
      files: {
        a: "-p\nhi\n--max-turns\n3\n",
        b: "hi\n--max_turns\n3\n",
        c: "exec\nhi\n--skip-git-repo-check\n",
        d: "exec\nhi\n",
      },
    },
  ],
  [
    "9.112: the author's claude replaces the built-in one",
    "harnesses: {claude: {binary: echo}}\n" +
    "steps: [{id: s, action: harness.run, with: {provider: claude, prompt: hi}, stdout: @W/o}]\n",
    { files: { o: "hi\n" } },
  ],
];

for (const [title, yaml, call] of [...PROCESSES, ...FLOW, ...HARNESSES]) {
  accept(title, yaml, [{ args: START, ...call }]);
}

acceptEach("9.118: a container has neither image nor exec", [
  ['container: {name: x}\nsteps: [{id: s, run: "true"}]\n', {
    code: 1,
    err: ["either 'exec' or 'image' must be specified"],
  }],
  ['steps: [{id: s, run: "true", container: {name: x}}]\n', {
    code: 1,
    err: ["either 'exec' or 'image' must be specified"],
  }],
]);
