/** Section 8 of the language, rule by rule, where the acceptance cases of section 10 have none. */
import assert from "node:assert/strict";
import type { DaguResult } from "../support/dagu.ts";
import { accept, START, VALIDATE } from "./harness.ts";

const ONE = "steps: [{id: a, run: 'echo out; echo err >&2'}]";
const onlyErr = ({ stdout }: DaguResult): void => assert.equal(stdout, "");

accept(
  "C-03 C-05 global flags stand before or behind the command; without a terminal there is no colour",
  ONE,
  [
    {
      args: ["--dagu-home", "@W/elsewhere", "start", "w.yaml"],
      files: { "elsewhere/runner/runner.json": true },
    },
    { args: ["start", "--dagu-home", "@W/elsewhere", "w.yaml"], notOut: ["\x1b["], notErr: ["\x1b["] },
    { args: ["start", "-q", "w.yaml"], isSilent: true },
    { args: ["-q", "start", "none.yaml"], code: 1, err: ["none.yaml"] },
  ],
);
accept("C-03 a configuration file that is named is there", ONE, [
  { args: ["--config", "@W/c.yaml", "start", "w.yaml"], write: { "c.yaml": "" } },
  ...[["validate", "--config", "/no/such", "w.yaml"], ["-c", "/no/such", "start", "w.yaml"], [
    "start",
    "--config=/no/such",
    "w.yaml",
  ]].map((args) => ({ args, code: 1, err: ["/no/such"], check: onlyErr })),
]);
accept("C-02 quiet takes the summary, never an error", "steps: [{id: a, run: 'exit 1'}]", [
  { args: ["dry", "-q", "w.yaml"], isSilent: true },
  { args: ["start", "-q", "w.yaml"], code: 1, err: ["failed to execute the dag-run"], check: onlyErr },
]);
accept(
  "F-30 P-19 what start refuses of a name and of values, dry refuses in the same words",
  "params: {A: a}\nrun_config: {disable_param_edit: true}\nsteps: [{run: 'true'}]",
  ["start", "dry"].flatMap((command) => [
    {
      args: [command, "--name", "a b", "w.yaml"],
      code: 1,
      err: ['"a b" is no workflow name'],
      check: onlyErr,
    },
    {
      args: [command, "my flow.yaml"],
      write: { "my flow.yaml": "steps: [{run: 'true'}]" },
      code: 1,
      err: ['"my flow" is no workflow name'],
    },
    { args: [command, "w.yaml", "--", "A=b"], code: 1, err: ["disable_param_edit: the values of A"] },
    { args: [command, "-q", "w.yaml", "--", "A=a"], isSilent: true },
  ]),
);
accept(
  "S-07 C-01 C-13 a step may be called . or ..; no run is, and whoever asks for one is told",
  "steps: [{name: '..', run: 'echo hi'}, {name: '.', run: 'echo ho'}]",
  [
    { args: ["start", "w.yaml"], out: ["Result: Succeeded"] },
    { args: ["status", "w"], out: ["├─.. ", "└─. "] },
    ...["status", "logs", "stop"].map((command) => ({
      args: [command, "."],
      code: 1,
      err: ['nothing that is called "."'],
      check: onlyErr,
    })),
  ],
);
accept(
  "C-06 C-07 validate takes one file, and its warnings name it",
  "steps: [{id: a, command: 'echo ${consts.nope}'}]",
  [
    { args: ["validate"], code: 1 },
    { args: ["validate", "w.yaml", "w.yaml"], code: 1 },
    { args: VALIDATE, err: ["w.yaml", "reason="] },
  ],
);
accept(
  "C-08 C-09 C-12 start stays until the end; a step's output is not the command's own",
  `
steps: [{id: a, run: "sleep 0.3; echo done > @W/done; echo why >&2; exit 3"}]
`,
  [
    {
      args: [...START, "--run-id", "code-nine"],
      code: 1,
      files: { done: "done\n" },
      check: ({ stderr }) => {
        const last = stderr.trimEnd().split("\n").at(-1) ?? "";
        assert.match(
          last,
          /^failed to execute the dag-run w \(dag-run ID: code-nine\): exit status 3; recent stderr: why$/,
        );
      },
    },
  ],
);
accept(
  "C-14 inputs as words and as JSON",
  `
steps:
  - id: ask
    action: human.task
    with: {prompt: x, form: {type: object, properties: {n: {type: integer}, b: {type: boolean}, t: {type: string}}}}
  - {id: use, depends: ask, run: "echo '\${steps.ask.outputs.n} \${steps.ask.outputs.b} \${steps.ask.outputs.t}' > @W/o"}
`,
  [
    { args: [...START, "--name", "words", "--run-id", "c14"] },
    {
      args: [
        "human-task",
        "complete",
        "words",
        "-r",
        "c14",
        "--step",
        "ask",
        "--inputs-json",
        "{}",
        "--input",
        "n=1",
      ],
      code: 1,
    },
    {
      args: ["human-task", "complete", "words", "-r", "c14", "--step", "ask", "--inputs-json", '{"n":"1"}'],
      code: 1,
    },
    {
      args: [
        ...["human-task", "complete", "words", "-r", "c14", "--step", "ask"],
        ...["--input", "n=7", "--input", "b=true", "--input", "t=5"],
      ],
      files: { o: "7 true 5\n" },
    },
  ],
);
accept("R-19 R-46 S-97 what is over can be neither stopped nor found under way", ONE, [
  { args: [...START, "--name", "over", "--run-id", "r46"] },
  { args: ["stop", "over", "--run-id", "r46"], code: 1 },
  { args: ["status", "over", "--run-id", "none"], code: 1 },
]);
accept("C-04 8.4 a run is retried by the file of its workflow as well", ONE, [
  { args: [...START, "--run-id", "by-file"] },
  { args: ["retry", "w.yaml", "--run-id", "by-file", "--step", "a"], out: ["Result: Succeeded"] },
]);
accept(
  "C-10 8.4 the summary of a dry run has the command lines too",
  "steps: [{id: a, run: [echo one, echo two]}]",
  [
    {
      args: ["dry", "w.yaml"],
      out: [" [succeeded]\n    echo one\n    echo two\nResult: Succeeded"],
    },
  ],
);
accept("8.3 8.4 a value may begin with a dash, an option is none", "params: x\n" + ONE, [
  { args: ["dry", "-p", "-1", "w.yaml"] },
  { args: ["dry", "--params", "--one=two", "w.yaml"] },
  { args: ["dry", "--params", "--name", "w.yaml"], code: 1, err: ["--params"] },
  { args: ["cleanup", "w", "--retention-days", "-1"], code: 1, err: ["--retention-days", '"-1"'] },
  { args: ["exec", "ls"], code: 1, err: ["unexpected arguments ls; the command comes after '--'"] },
]);
accept(
  "R-20 R-37 QU-20 a queued run tells what it waits for, and is aborted by a stop; its id is taken",
  ONE,
  [
    { args: ["enqueue", "w.yaml", "--name", "queued", "--run-id", "r20"], out: ["r20"] },
    {
      args: ["status", "queued"],
      out: ["\nwaits: no runner is connected that takes runs\nStatus: Queued\n"],
      check: ({ stdout }) =>
        assert.match(stdout, /^Queued - 20\d\d-\d\d-\d\dT[\d:.]+Z\n.*\n[^]*\nStatus: Queued\n$/),
    },
    { args: ["enqueue", "w.yaml", "--name", "queued", "--run-id", "r20"], code: 1, err: ["r20"] },
    { args: ["stop", "queued", "--run-id", "r20"] },
    { args: ["status", "queued", "--run-id", "r20"], out: ["Aborted"] },
  ],
);
accept("R-06 R-07 the codes of history are those of the language", "steps: [{id: a, run: 'exit 1'}]", [
  { args: [...START, "--name", "coded"], code: 1 },
  {
    args: ["history", "coded", "--format", "json"],
    check: ({ stdout }) => assert.equal(JSON.parse(stdout)[0].status, 2),
  },
]);
accept("F-33 a run's identity as one word", ONE, [
  { args: ["enqueue", "w.yaml", "--name", "one-word", "--run-id", "f33", "-u", "narrow"] },
  { args: ["dequeue", "narrow", "--dag-run", "one-word:f33"], out: ["one-word:f33"] },
]);
accept(
  "O-11 a dry run executes no precondition of a step",
  `
steps: [{id: a, run: "true", preconditions: ["touch @W/looked"]}]
`,
  [{ args: ["dry", "w.yaml"], files: { looked: false } }],
);
const NAMED = { DAGU_DAGS_DIR: "@W/dags" };
accept(
  "C-04 a workflow of the folder is called by its file's name, its path there, or the name it gives itself",
  ONE,
  [
    {
      args: ["start", "-q", "kept.yaml"],
      env: NAMED,
      write: {
        "dags/kept.yaml": "steps: [{id: a, run: 'echo kept >> @W/o'}]",
        "dags/team/deep.yml": "steps: [{id: a, run: 'echo deep >> @W/o'}]",
        "dags/file.yaml": "name: own-name\nsteps: [{id: a, run: 'echo own >> @W/o'}]",
      },
      files: { o: "kept\n" },
    },
    { args: ["start", "-q", "team/deep"], env: NAMED, files: { o: "kept\ndeep\n" } },
    { args: ["start", "-q", "own-name"], env: NAMED, files: { o: "kept\ndeep\nown\n" } },
    { args: ["status", "kept.yaml"], env: NAMED, out: ["dag: kept"] },
    { args: ["status", "file"], env: NAMED, out: ["dag: own-name"] },
    { args: ["start", "none.yml"], env: NAMED, code: 1, err: ["none.yml"], notErr: ["none.yml.y"] },
  ],
);
accept("C-03 a flag and its value stand in one word or in two; a switch takes true or false", ONE, [
  { args: ["start", "--quiet=true", "w.yaml", "-r=words"], isSilent: true },
  { args: ["start", "--quiet=false", "w.yaml", "--run-id=words-2"], out: ["Succeeded"] },
  { args: ["start", "--quiet=maybe", "w.yaml"], code: 1, err: ["--quiet"] },
  { args: ["history", "-r=words", "-l=1", "--format=csv"], out: ["w,words-2,"], notOut: ["w,words,"] },
  {
    args: ["history", "--status=succeeded,gone"],
    code: 1,
    err: ['got "succeeded,gone"', "partially_succeeded"],
  },
]);
const ELSEWHERE = "worker_selector: {zone: far}\nsteps: [{id: a, run: 'echo hi'}]";
accept(
  "R-38 8.4 what asks for another runner is refused by every command that would wait for one",
  ELSEWHERE,
  [
    { args: ["start", "w.yaml"], code: 1, err: ["worker_selector asks for zone=far"] },
    {
      args: ["exec", "--worker-label", "zone=far", "--", "true"],
      code: 1,
      err: ["worker_selector asks for zone=far"],
    },
    { args: ["enqueue", "w.yaml", "--run-id", "far1"] },
    { args: ["dequeue", "w", "--dag-run", "w:far1"] },
    { args: ["restart", "w", "--run-id", "far1"], code: 1, err: ["worker_selector asks for zone=far"] },
    {
      args: ["start", "w.yaml", "--from-run-id", "far1"],
      code: 1,
      err: ["worker_selector asks for zone=far"],
    },
    { args: ["exec", "--worker-label", "zone=far", "--", "true"], env: { DAGU_RUNNER_LABELS: "zone=far" } },
  ],
);
accept(
  "R-38 what a runner with labels began is taken up again only by one that has them",
  "worker_selector: {zone: far}\nsteps: [{id: ask, action: human.task, with: {prompt: ok}}, {id: a, run: 'exit 3', depends: ask}]",
  [
    { args: ["start", "w.yaml", "--run-id", "far2"], env: { DAGU_RUNNER_LABELS: "zone=far" }, code: 0 },
    {
      args: ["human-task", "complete", "w", "--run-id", "far2", "--step", "ask"],
      code: 1,
      err: ["worker_selector asks for zone=far"],
    },
    { args: ["status", "w", "--run-id", "far2"], out: ["waiting"] },
    {
      args: ["human-task", "complete", "w", "--run-id", "far2", "--step", "ask"],
      env: { DAGU_RUNNER_LABELS: "zone=far" },
      code: 1,
    },
    { args: ["retry", "w", "--run-id", "far2"], code: 1, err: ["worker_selector asks for zone=far"] },
    { args: ["retry", "w", "--run-id", "far2"], env: { DAGU_RUNNER_LABELS: "zone=far" }, code: 1 },
  ],
);
accept("CM-03 exec gives a shell the text as it is, and shows it so where it can", ONE, [
  {
    args: ["exec", "--shell", "sh", "--name", "shown", "--", 'X=a; echo $X "$0" ${X} ${params.p:-}$((1+1))'],
    code: 1,
    err: ["ad substitution"],
  },
  {
    args: ["exec", "--shell", "sh", "--name", "shown", "--", "X=a; echo $X ${X}b $((1+1)) \\$X"],
    out: ["a ab 2 $X\n"],
  },
  { args: ["exec", "--shell", "sh", "--name", "shown", "--", "X=a; echo $X"], out: ["    X=a; echo $X\n"] },
]);
