/** Sub-workflows, fan-out, human tasks (workflow-language contract 10.9, 10.10). */
import { accept, acceptEach, START, VALIDATE } from "./harness.ts";

accept(
  "T-74 a child's parameters, env and directory are its own",
  `env: [{SHARED: parent}]
steps:
  - id: call
    action: dag.run
    with: {dag: kid, params: {WHO: "\${context.dag.name}"}}
---
name: kid
params: {WHO: nobody}
steps:
  - {id: k, run: 'echo "$WHO [$SHARED]" > @W/o; echo x > local.txt'}
`,
  [{ args: START, files: { o: "w []\n", "local.txt": false } }],
);

accept(
  "T-75 a child fails",
  `steps:
  - {id: call, action: dag.run, with: {dag: kid}}
  - {id: next, depends: call, run: "touch @W/next"}
---
name: kid
steps: [{id: k, run: "exit 1"}]
`,
  [{
    args: START,
    code: 1,
    files: { next: false },
    check: ({ stdout }) => {
      if (!/call .*\[failed\]/.test(stdout) || !/next .*\[aborted\]/.test(stdout)) throw new Error(stdout);
    },
  }],
);

accept(
  "T-76 parallel",
  `steps:
  - id: fan
    action: dag.run
    with: {dag: kid, params: {ID: "\${ITEM.id}"}}
    parallel: {items: [{id: 1}, {id: 2}, {id: 1}], max_concurrent: 2}
    output: R
  - {id: c, depends: fan, action: jq.filter, with: {filter: ".summary.total", data: "\${env.R}"}, stdout: @W/o}
---
name: kid
params: {ID: ""}
steps: [{id: k, run: "touch @W/k-$ID"}]
`,
  [{ args: START, files: { "k-1": true, "k-2": true, o: "2\n" } }],
);

acceptEach("T-77 fan-out errors", [
  ['steps: [{id: a, run: "true", parallel: [x]}]', { code: 1, err: ["parallel currently requires action"] }],
  [
    "steps: [{id: a, action: dag.run, with: {dag: kid}, parallel: {items: [a], max_concurrent: 0}}]",
    { code: 1, err: ["1", "1000"] },
  ],
  [
    "steps: [{id: a, action: dag.run, with: {dag: kid}, parallel: {items: [a], speed: 2}}]",
    { code: 1, err: ["unknown parallel field"] },
  ],
]);
accept(
  "T-77 no items",
  `params: {LIST: " "}
steps: [{id: a, action: dag.run, with: {dag: kid}, parallel: "\${params.LIST}"}]
---
name: kid
steps: [{id: k, run: "true"}]
`,
  [{ args: START, code: 1, err: ["parallel has no items"] }],
);

accept(
  "T-78 foreach",
  `steps:
  - id: f
    foreach:
      items: [{n: ant, l: 3}, {n: bee, l: 3}]
      as: bug
      key: "\${foreach.bug.n}"
      steps:
        - id: w
          run: echo "out=\${foreach.index}:\${foreach.bug.n}" >> "$DAGU_OUTPUT_FILE"; touch @W/\${foreach.key}
          outputs: [{name: out}]
      collect: {line: "\${steps.w.outputs.out}"}
    output: AGG
  - {id: c, depends: f, action: file.write, with: {path: @W/o, content: "\${env.AGG}"}}
`,
  [
    {
      args: START,
      files: {
        ant: true,
        bee: true,
        o: /^\{"summary":\{"total":2,(?!.*"l":3).*"outputs":\[\{"line":"0:ant"\},\{"line":"1:bee"\}\]/,
      },
    },
    { args: VALIDATE, isSilent: true },
  ],
);

accept(
  "T-79 foreach over nothing",
  'steps:\n  - {id: f, foreach: {items: [], steps: [{id: w, run: "true"}]}, output: R}\n' +
    '  - {id: c, depends: f, action: file.write, with: {path: @W/o, content: "${env.R}"}}\n',
  [{ args: START, files: { o: /^\{"summary":\{"total":0,/ } }],
);
accept(
  "T-79 the same key twice",
  'steps: [{id: f, foreach: {items: [1, 2], key: same, steps: [{id: w, run: "touch @W/w"}]}}]\n',
  [{ args: START, code: 1, err: ["duplicate foreach item key"], files: { w: false } }],
);
acceptEach("T-79 foreach is refused", [
  ['steps: [{id: f, foreach: {items: [1], as: key, steps: [{id: w, run: "true"}]}}]', {
    code: 1,
    err: ["foreach.as"],
  }],
  [
    'steps: [{id: f, run: "true", foreach: {items: [1], steps: [{id: w, run: "true"}]}}]',
    { code: 1, err: ["foreach cannot be combined with"] },
  ],
]);

// ---- human tasks ------------------------------------------------------------------------------------------------

const TASK = `steps:
  - id: ask
    action: human.task
    with:
      prompt: Which window?
      form:
        type: object
        properties: {window: {type: string, enum: [am, pm]}, big: {type: boolean, default: false}}
        required: [window]
  - {id: go, depends: ask, run: "echo \${steps.ask.outputs.window} \${steps.ask.outputs.big} > @W/o"}
`;
const complete = (
  window: string,
): string[] => [
  "human-task",
  "complete",
  "t80",
  "--run-id",
  "h1",
  "--step",
  "ask",
  "--input",
  `window=${window}`,
];
accept("T-80 a human task", TASK, [
  { args: ["start", "--run-id", "h1", "--name", "t80", "w.yaml"], files: { o: false } },
  { args: ["status", "t80"], out: ["Waiting", "step id: ask", "prompt: Which window?", "form:"] },
  { args: complete("night"), code: 1, err: ['input "window" must be one of am, pm'] },
  { args: ["status", "t80"], out: ["Waiting"] },
  {
    args: complete("pm"),
    out: ["Completed human task ask; DAG-run queued for resume."],
    files: { o: "pm false\n" },
  },
  { args: complete("pm"), out: ["Human task ask was already completed."] },
  { args: complete("am"), code: 1, err: ["was already completed with other input"] },
  { args: ["status", "t80"], out: ["Result: Succeeded"] },
]);

acceptEach("T-81 a task misused", [
  ["steps: [{action: human.task, with: {prompt: p}}]", { code: 1, err: ["id"] }],
  [
    "steps: [{id: a, action: human.task, with: {prompt: p}, timeout_sec: 5}]",
    { code: 1, err: ["human.task does not support timeout_sec"] },
  ],
  [
    'handler_on: {exit: {action: human.task, with: {prompt: p}}}\nsteps: [{id: a, run: "true"}]',
    { code: 1, err: ["cannot be used in handler_on.exit"] },
  ],
  [
    "steps: [{id: a, action: human.task, with: {prompt: p, form: {type: string}}}]",
    { code: 1, err: ["form type must be object"] },
  ],
]);
