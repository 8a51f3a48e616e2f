/** Sections 4.18 and 5 of the language, rule by rule, where the acceptance cases of section 10 have none. */
import assert from "node:assert/strict";
import { accept, acceptEach, START, VALIDATE } from "./harness.ts";

// ---- human tasks ------------------------------------------------------------------------------------------------

acceptEach("S-115 S-116 S-117 where a human task may stand, and what it may have", [
  [`steps: [{action: human.task, with: {prompt: hi}}]`, { code: 1, err: ["id"] }],
  [`steps: [{id: a, action: human.task, with: {prompt: " "}}]`, { code: 1, err: ["prompt"] }],
  [`steps: [{id: a, action: human.task, with: {prompt: hi, x: 1}}]`, {
    code: 1,
    err: ["human.task does not support with.x"],
  }],
  ...["timeout_sec: 5", "output: X", "retry_policy: {limit: 1, interval_sec: 1}", "stdout: f"].map((field) =>
    [`steps: [{id: a, action: human.task, with: {prompt: hi}, ${field}}]`, {
      code: 1,
      err: [`action human.task does not support ${field.split(":")[0]}`],
    }] as const
  ),
  [`${"steps: [{id: a, run: x}]"}\nhandler_on: {exit: {action: human.task, with: {prompt: hi}}}`, {
    code: 1,
    err: ["action human.task cannot be used in handler_on.exit"],
  }],
  [
    `steps: [{id: a, action: human.task, with: {prompt: hi, form: {type: object, properties: {x: {type: array}}}}}]`,
    { code: 1, err: ["x"] },
  ],
  ...Object.entries({
    "{type: string, oneOf: [{const: a, title: A, format: f}]}": "oneOf does not support format",
    "{type: string, oneOf: [{const: a, title: 3}]}": "oneOf title must be a string",
    "{type: string, oneOf: [{title: A}]}": "needs scalars in enum, or const in each item of oneOf",
    "{type: integer, enum: [1, a]}": 'enum must hold values of type integer, got the text "a"',
    "{type: string, oneOf: [{const: 1}]}": "oneOf must hold values of type string, got the number 1",
    "{type: string, description: [a]}": "description must be a string",
    "{type: string, minLength: -1}": "minLength must be a whole number of 0 or more",
  }).map(([field, says]) =>
    [
      `steps: [{id: a, action: human.task, with: {prompt: hi, form: {type: object, properties: {x: ${field}}}}}]`,
      { code: 1, err: [`form property "x" ${says}`] },
    ] as const
  ),
  [`steps: [{id: a, action: human.task, with: {prompt: hi, form: {type: object, title: 3}}}]`, {
    code: 1,
    err: ["form title must be a string"],
  }],
]);
accept(
  "S-116 a workflow with a human task is no sub-workflow",
  `
steps: [{id: a, action: dag.run, with: {dag: child}}]
---
name: child
steps: [{id: b, action: human.task, with: {prompt: hi}}]
`,
  [{ args: START, code: 1, err: ["human task", "sub-DAG"] }],
);
accept(
  "S-118 S-119 S-120 S-121 C-14 a task waits, is completed by its form, and its run goes on",
  `
steps:
  - id: ask
    action: human.task
    with:
      prompt: How many?
      form:
        type: object
        properties: {count: {type: integer, minimum: 1}, why: {type: string, default: because}}
        required: [count]
  - {id: beside, run: "echo beside > @W/beside"}
  - {id: use, depends: ask, run: "echo '\${steps.ask.outputs.count} \${steps.ask.outputs.why}' > @W/o"}
`,
  [
    { args: ["dry", "w.yaml"], out: ["Succeeded"] },
    { args: [...START, "--name", "asks", "--run-id", "t1"], files: { beside: "beside\n", o: false } },
    {
      args: ["status", "asks", "--run-id", "t1"],
      out: [
        "step id: ask",
        "prompt: How many?",
        // As written, from one process to the next.
        'form: {"type":"object","properties":{"count":{"type":"integer","minimum":1},"why":{"type":"string","default":"because"}},"required":["count"]}',
      ],
    },
    { args: ["human-task", "complete", "asks", "-r", "t1", "--step", "ask", "--input", "count=0"], code: 1 },
    { args: ["human-task", "complete", "asks", "-r", "t1", "--step", "ask", "--input", "n=1"], code: 1 },
    { args: ["human-task", "complete", "asks", "-r", "t1", "--step", "none", "--input", "count=1"], code: 1 },
    {
      args: ["human-task", "complete", "asks", "-r", "t1", "--step", "ask", "--input", "count=2"],
      check: ({ stdout, stderr }) =>
        assert.ok(
          `${stdout}${stderr}`.includes("Completed human task ask; DAG-run queued for resume."),
          stderr,
        ),
      files: { o: "2 because\n" },
    },
    {
      args: ["human-task", "complete", "asks", "-r", "t1", "--step", "ask", "--inputs-json", '{"count":2}'],
      check: ({ stdout, stderr }) =>
        assert.ok(`${stdout}${stderr}`.includes("Human task ask was already completed."), stderr),
    },
    {
      args: ["human-task", "complete", "asks", "-r", "t1", "--step", "ask", "--input", "count=2"],
      out: ["Human task ask was already completed."],
    },
    {
      args: ["human-task", "complete", "asks", "-r", "t1", "--step", "ask", "--inputs-json", '{"count":3}'],
      code: 1,
      err: ["already completed with other input"],
    },
  ],
);

// ---- handlers, status, retry ----------------------------------------------------------------------------------

acceptEach("R-14 a handler is one step, under a known name", [
  [`steps: [{id: a, run: x}]\nhandler_on: {cancel: {run: x}}`, { code: 1, err: ["cancel"] }],
  [`steps: [{id: a, run: x}]\nhandler_on: {exit: [{run: x}]}`, { code: 1, err: ["handler_on.exit"] }],
]);
accept(
  "R-16 R-18 what a handler sees, and in which order they run",
  `
handler_on:
  success: {run: "echo success $OUT '\${steps.a.exit_code}' '\${a.exit_code}' '\${context.step.name}' '\${context.step.id}' >> @W/o"}
  exit: {run: "echo exit $DAG_RUN_STATUS '\${context.run.status}' >> @W/o"}
steps: [{id: a, run: "echo value", output: OUT}]
`,
  [{
    args: START,
    files: {
      o: "success value ${steps.a.exit_code} 0 onSuccess ${context.step.id}\nexit succeeded succeeded\n",
    },
  }],
);
accept(
  "R-13 R-17 codes of the end; a dry run executes no handler",
  `
handler_on: {exit: {run: "echo x > @W/exit"}}
steps: [{id: a, run: "true"}]
`,
  [
    { args: ["dry", "w.yaml"], out: ["onExit"], files: { exit: false } },
    { args: START, files: { exit: "x\n" } },
  ],
);
accept(
  "R-22 R-45 R-49 X-05 a retry goes on with what failed, under the same id, in the same folder",
  `
params: [{P: default}]
handler_on: {exit: {run: "echo exit >> @W/exits"}}
steps:
  - {id: good, run: "echo good >> @W/goods; echo kept > here", output: G}
  - id: bad
    depends: good
    run: 'echo "$DAG_RUN_ID $P $(cat here) \${context.attempt.id}" >> @W/tries; test -e @W/mended'
  - {id: after, depends: bad, run: "echo after > @W/after"}
`,
  [
    { args: ["start", "--run-id", "again", "--name", "again", "w.yaml", "--", "P=given"], code: 1 },
    { args: ["retry", "again", "--run-id", "again"], code: 1 },
    {
      args: ["retry", "again", "--run-id", "again"],
      write: { mended: "" },
      files: { goods: "good\n", after: "after\n", exits: "exit\nexit\nexit\n" },
      check: async (_result, folder) => {
        const lines = (await Deno.readTextFile(`${folder}/tries`)).trimEnd().split("\n");
        assert.equal(lines.length, 3);
        assert.equal(new Set(lines.map((line) => line.split(" ")[3])).size, 3, "an attempt id for each");
        for (const line of lines) assert.match(line, /^again given kept /);
      },
    },
  ],
);
accept(
  "R-48 a run that its precondition ended is looked at again by a retry",
  `
preconditions: ["test -e @W/go"]
steps: [{id: a, run: "echo a > @W/a"}]
`,
  [
    { args: [...START, "--name", "held", "--run-id", "h1"], out: ["Result: Aborted"], files: { a: false } },
    { args: ["retry", "held", "--run-id", "h1"], write: { go: "" }, files: { a: "a\n" } },
  ],
);
acceptEach("R-38 R-39 selectors and labels", [
  [`worker_selector: remote\nsteps: [{id: a, run: x}]`, {
    code: 1,
    err: ['worker_selector must be a map or "local"'],
  }],
  [`labels: "ENV=Prod, nightly"\nsteps: [{id: a, run: x}]`, {}],
  [`labels: ["-x"]\nsteps: [{id: a, run: x}]`, { code: 1, err: ["label"] }],
  [`labels: [a]\ntags: [b]\nsteps: [{id: a, run: x}]`, {
    code: 1,
    err: ["labels and deprecated tags cannot both be set"],
  }],
]);
accept(
  "R-39 labels given at start are added, in small letters",
  "labels: {Env: Prod}\nsteps: [{id: a, run: 'true'}]",
  [
    {
      args: [...START, "--name", "labelled", "--labels", "X=Y,a b", "--tags", "X=y"],
    },
    {
      args: ["history", "labelled", "--labels", "A,x=Y", "--format", "json"],
      check: ({ stdout }) =>
        assert.deepEqual(JSON.parse(stdout)[0].labels.toSorted(), ["a", "b", "env=prod", "x=y"]),
    },
    { args: [...START, "--labels", "-x=1"], code: 1, err: ['label "-x=1" is invalid'] },
  ],
);
accept("R-40 a locked run id", "run_config: {disable_run_id_edit: true}\nsteps: [{id: a, run: 'true'}]", [
  { args: START },
  { args: [...START, "--run-id", "mine"], code: 1, err: ["disable_run_id_edit"] },
]);
accept(
  "R-41 after a run ends, those beyond the newest are gone",
  "name: keeps-two\nhist_retention_runs: 2\nsteps: [{id: a, run: 'true'}]",
  [
    ...["one", "two", "three"].map((id) => ({ args: ["start", "--run-id", id, "w.yaml"] })),
    { args: ["history", "keeps-two"], out: ["two", "three"], notOut: ["one"] },
    { args: ["status", "--run-id", "one", "keeps-two"], code: 1 },
  ],
);
acceptEach("R-41 retention is by days or by runs", [
  [`hist_retention_days: -1\nsteps: [{id: a, run: x}]`, {
    code: 1,
    err: ["hist_retention_days must be >= 0"],
  }],
  [`hist_retention_runs: 0\nsteps: [{id: a, run: x}]`, { code: 1, err: ["hist_retention_runs must be > 0"] }],
  [`hist_retention_days: 1\nhist_retention_runs: 1\nsteps: [{id: a, run: x}]`, {
    code: 1,
    err: ["cannot both be specified"],
  }],
]);
acceptEach("R-43 limits of resources", [
  [`resources: {limits: {cpu: 500m, memory: 512Mi}}\nsteps: [{id: a, run: x}]`, {}],
  [`resources: {limits: {cpu: "1"}}\nsteps: [{id: far, run: x}, {id: c, run: x, container: {image: i}}]`, {
    err: ["resources.limits are not supported for processes of the host, only for containers: far"],
    notErr: ["far, c"],
  }],
  [`resources: {limits: {cpu: "1"}}\nsteps: [{id: c, run: x, container: {image: i}}]`, { isSilent: true }],
  [`resources: {limits: {cpu: lots}}\nsteps: [{id: a, run: x}]`, { code: 1, err: ["cpu"] }],
], VALIDATE);

const WAITS = `
handler_on:
  abort: {run: "echo abort $DAG_RUN_STATUS >> @W/o"}
  exit: {run: "echo exit >> @W/o"}
  failure: {run: "echo failure >> @W/o"}
steps:
  - {id: ask, run: "echo work >> @W/o", approval: {prompt: "Go on?"}}
  - {id: go, depends: ask, run: "echo go >> @W/o"}
`;
accept(
  "R-19 R-20 5.4 a run that is stopped while it waits ends aborted, with its abort and exit handlers",
  WAITS,
  [
    { args: [...START, "--name", "asks2", "--run-id", "s1"], out: ["Waiting"], files: { o: "work\n" } },
    {
      args: ["stop", "asks2"],
      err: ["stop requested for asks2:s1"],
      files: { o: "work\nabort aborted\nexit\n" },
    },
    {
      args: ["status", "asks2", "--run-id", "s1"],
      out: ["Result: Aborted", "CANCELLED: stopped by", "onAbort (", "[aborted]"],
      notOut: ["[failed]"],
    },
    { args: ["stop", "asks2", "--run-id", "s1"], code: 1, err: ["is aborted, not running"] },
    // Retried, it does its work again and waits again.
    {
      args: ["retry", "asks2", "--run-id", "s1"],
      out: ["Waiting"],
      files: { o: /work\nabort aborted\nexit\nwork\n$/ },
    },
  ],
);
accept("R-20 a run that is stopped by force while it waits ends at once", WAITS, [
  { args: [...START, "--name", "asks3", "--run-id", "s1"] },
  { args: ["stop", "asks3", "--force"], files: { o: "work\n" } },
  { args: ["status", "asks3"], out: ["Result: Aborted"] },
]);
accept("R-20 8.4 a run that waits is stopped with its handlers, and started anew", WAITS, [
  { args: [...START, "--name", "asks4", "--run-id", "s1"] },
  {
    args: ["restart", "asks4"],
    err: ["stopping asks4:s1"],
    files: { o: "work\nabort aborted\nexit\nwork\n" },
  },
]);
