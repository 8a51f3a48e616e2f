/** Conditions, retry, repeat, status, handlers (workflow-language contract 10.7, 10.8). */
import assert from "node:assert/strict";
import { accept, acceptEach, START } from "./harness.ts";

accept(
  "T-57 a condition of the workflow",
  `preconditions:
  - {condition: "red", expected: "blue"}
handler_on:
  init: {run: "touch @W/init"}
  abort: {run: "touch @W/abort"}
  failure: {run: "touch @W/failure"}
  exit: {run: "touch @W/exit"}
steps: [{id: s, run: "touch @W/s"}]
`,
  [{
    args: START,
    out: ["Result: Aborted"],
    files: { abort: true, exit: true, init: false, failure: false, s: false },
  }],
);

accept(
  "T-58 skip and continue",
  `steps:
  - {id: a, preconditions: "test -e @W/none", run: "touch @W/a"}
  - {id: b, depends: a, run: "touch @W/b"}
  - {id: c, preconditions: "false", continue_on: skipped, run: "touch @W/c"}
  - {id: d, depends: c, run: "touch @W/d"}
`,
  [{ args: START, out: ["Result: Succeeded"], files: { a: false, b: false, c: false, d: true } }],
);

accept(
  "T-59 patterns and lines",
  `params: {L: ""}
steps:
  - id: s
    preconditions:
      - {condition: "\${params.L}", expected: "re:^v[0-9]+$"}
      - {condition: "\${params.L}", expected: beta}
    run: touch @W/o
`,
  [
    {
      args: ["start", "w.yaml", "--params", '{"L":"v12 beta"}'],
      files: { o: false },
      check: ({ stdout }) => assert.match(stdout, /─s \[skipped\]/),
    },
    { args: ["start", "w.yaml", "--params", '{"L":"v12\\nbeta"}'], files: { o: true } },
  ],
);

const evalCondition = (more: string): string =>
  `steps:\n  - {id: s, preconditions: [{eval: "$(cat @W/flag)", expected: "up"${more}}], run: "touch @W/o"}\n`;
accept("T-60 an evaluated condition", evalCondition(""), [
  { args: START, code: 1, files: { o: false } },
  { args: START, write: { flag: "up\n" }, files: { o: true } },
]);
accept("T-60 negate does not turn an error", evalCondition(", negate: true"), [
  { args: START, code: 1, files: { o: false } },
]);

const conditions = (text: string): string => `steps:\n  - {id: s, run: "true", preconditions: ${text}}\n`;
acceptEach("T-61 bad conditions", [
  [conditions("{condition: x}"), {
    code: 1,
    err: ["precondition must be a string or an array of strings"],
  }],
  [conditions("[{command: x}]"), { code: 1, err: ["precondition has invalid key"] }],
  [conditions("[{eval: x}]"), { code: 1, err: ["expected is required when eval is set"] }],
  [conditions("[{condition: x, eval: y, expected: z}]"), { code: 1, err: ["only one of condition or eval"] }],
  [conditions('[{condition: x, expected: "re:("}]'), { code: 1, err: ["expected regexp is invalid"] }],
]);

const retried = (policy: string): string =>
  `steps:
  - id: s
    run: echo x >> @W/n; test $(wc -l < @W/n) -ge 3
    retry_policy: {${policy}}
`;
accept("T-62 retry", retried("limit: 5, interval_sec: 0"), [{ args: START, files: { n: "x\nx\nx\n" } }]);
accept("T-62 too few", retried("limit: 1, interval_sec: 0"), [{
  args: START,
  code: 1,
  files: { n: "x\nx\n" },
}]);
accept("T-62 other codes", retried("limit: 5, interval_sec: 0, exit_code: [42]"), [
  { args: START, code: 1, files: { n: "x\n" } },
]);

const repeated = (limit: number): string =>
  `steps:
  - id: s
    run: echo x >> @W/n; wc -l < @W/n | tr -d ' '
    output: COUNT
    repeat_policy: {repeat: until, condition: "$COUNT", expected: "3", interval_sec: 0, limit: ${limit}}
`;
accept("T-63 repeat until", repeated(10), [{ args: START, files: { n: "x\nx\nx\n" } }]);
accept("T-63 up to the limit", repeated(2), [{ args: START, files: { n: "x\nx\n" } }]);

const policy = (text: string): string => `steps: [{id: s, run: "true", ${text}}]\n`;
acceptEach("T-64 bad policies", [
  [policy("retry_policy: {limit: 1}"), { code: 1, err: ["interval_sec"] }],
  [policy("retry_policy: {interval_sec: 1}"), { code: 1, err: ["limit is required"] }],
  [policy("repeat_policy: {repeat: while}"), {
    code: 1,
    err: ["requires either 'condition' or 'exit_code'"],
  }],
  [policy("timeout_sec: -1"), { code: 1, err: ["timeout_sec must be >= 0"] }],
  [policy("signal_on_stop: NOPE"), { code: 1, err: ["invalid signal"] }],
]);

// ---- status and handlers ----------------------------------------------------------------------------------------

accept(
  "T-65 mark_success",
  `steps:
  - {id: a, run: "exit 8", continue_on: {exit_code: 8, mark_success: true}}
  - {id: b, depends: a, run: "touch @W/b"}
`,
  [{
    args: START,
    out: ["Result: Succeeded"],
    files: { b: true },
    check: ({ stdout }) => assert.match(stdout, /─a .*\[succeeded\]/),
  }],
);

accept(
  "T-66 continue on output",
  `steps:
  - {id: a, run: "echo partly fine; exit 1", continue_on: {output: "partly"}}
  - {id: b, depends: a, run: "touch @W/b"}
`,
  [{ args: START, out: ["Result: Partially Succeeded"], files: { b: true } }],
);

accept(
  "T-67 the order of handlers, and the status they see",
  `handler_on:
  failure: {run: 'echo "F $DAG_RUN_STATUS" >> @W/h'}
  success: {run: 'echo S >> @W/h'}
  exit: {run: 'echo "E \${context.run.status}" >> @W/h'}
steps: [{id: a, run: "exit 1"}]
`,
  [{ args: START, code: 1, files: { h: "F failed\nE failed\n" } }],
);

accept(
  "T-68 a success handler fails",
  'handler_on: {success: {run: "exit 2"}, exit: {run: "touch @W/e"}}\nsteps: [{id: a, run: "true"}]\n',
  [{ args: START, code: 1, out: ["Result: Failed"], files: { e: true } }],
);

accept(
  "T-69 the init handler fails",
  'handler_on: {init: {run: "exit 1"}, exit: {run: "touch @W/e"}}\nsteps: [{id: a, run: "touch @W/a"}]\n',
  [{ args: START, code: 1, out: ["Result: Aborted"], files: { e: true, a: false } }],
);

accept(
  "T-70 the run's time limit",
  'timeout_sec: 1\nhandler_on: {failure: {run: "touch @W/f"}}\nsteps: [{id: a, run: "sleep 30"}]\n',
  [{ args: START, code: 1, out: ["Result: Failed", "[aborted]"], files: { f: true } }],
);

accept(
  "T-72 AT-04 RT-07 retry keeps good results",
  `steps:
  - {id: a, run: "echo a >> @W/log; echo va", output: VA}
  - {id: b, depends: a, run: "echo b >> @W/log; test -e @W/ok; echo $VA > @W/o"}
`,
  [
    { args: ["start", "--run-id", "r1", "--name", "t72", "w.yaml"], code: 1 },
    {
      args: ["retry", "--run-id", "r1", "t72"],
      write: { ok: "" },
      out: ["Result: Succeeded"],
      files: { log: "a\nb\nb\n", o: "va\n" },
    },
    { args: ["retry", "--run-id", "r1", "t72", "--step", "nobody"], code: 1, err: ["nobody"] },
    { args: ["retry", "--run-id", "r1", "t72", "--step", "a"], files: { log: "a\nb\nb\na\n" } },
    {
      args: ["retry", "--run-id", "r1", "t72", "--step", "a", "--downstream"],
      files: { log: "a\nb\nb\na\na\nb\n" },
    },
  ],
);

accept(
  "T-73 context",
  'steps:\n  - id: one\n    action: file.write\n    with: {path: @W/o, content: "${context.dag.name} ${run.id} ${context.step.id} ' +
    '${context.trigger.type} ${context.run.root_id} ${context.run.scheduled_at}"}\n',
  [{
    args: ["start", "--run-id", "r7", "--schedule-time", "2026-04-02T08:30:00+02:00", "w.yaml"],
    files: { o: "w r7 one manual ${context.run.root_id} 2026-04-02T06:30:00Z" },
  }],
);

const DRY = `steps:
  - {id: bad, run: "touch @W/bad; exit 4"}
  - {id: after, depends: bad, run: "touch @W/after"}
  - {id: side, run: "touch @W/side"}
`;
accept("T-95 dry", DRY, [{
  args: ["dry", "w.yaml"],
  files: { bad: false, after: false, side: false },
  check: ({ stdout }) => {
    const count = stdout.split("[succeeded]").length - 1;
    if (count !== 3) throw new Error(stdout);
  },
}]);
