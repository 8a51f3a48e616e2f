/** Sections 1.1 to 1.7 of the language, rule by rule, where the acceptance cases of section 10 have none. */
import assert from "node:assert/strict";
import { accept, acceptEach, START, VALIDATE } from "./harness.ts";

const ONE = "steps: [{id: a, run: 'true'}]";

accept(
  "F-01 F-02 a local sub-workflow runs when a step names it, and only then",
  `
steps:
  - {id: a, run: "echo entry >> @W/ran"}
---
name: used
steps: [{id: b, run: "echo used >> @W/ran"}]
---
name: unused
steps: [{id: c, run: "echo unused >> @W/ran"}]
`,
  [{ args: START, files: { ran: "entry\n" } }],
);

acceptEach("F-03 F-05 F-06 F-07 documents of a stream", [
  ["# only a comment\n", { code: 1, err: ["empty"] }],
  [`${ONE}\n---\n`, { code: 1, err: ["document 2 must not be empty"] }],
  [`${ONE}\n---\nsteps: [{id: b, run: "true"}]`, { code: 1, err: ["document 2 must define name"] }],
  [`${ONE}\n---\nname: ""\n${ONE}`, { code: 1, err: ["document 2 must define name"] }],
  [`${ONE}\n---\nname: x\n${ONE}\n---\nname: x\n${ONE}`, {
    code: 1,
    err: ['DAG document name "x" must be unique'],
  }],
  [`${ONE}\n---\nname: x`, { code: 1, err: ["must define steps"] }],
]);

accept(
  "F-09 anchors do not reach into another document",
  `
x-none: &a true
steps: [{id: a, run: "true"}]
`,
  [{ args: VALIDATE, code: 1, err: ["x-none"] }],
);
accept(
  "F-09 anchors and merge keys work in one document",
  `
steps:
  - &first {id: a, run: "echo a >> @W/o", env: &env [{X: "1"}]}
  - {<<: *first, id: b, depends: a}
  - {id: c, depends: b, env: *env, run: "echo $X >> @W/o"}
`,
  [{ args: START, files: { o: "a\na\n1\n" } }],
);
acceptEach("F-09 an alias of another document is unknown", [
  [`env: &e [{A: b}]\n${ONE}\n---\nname: x\nenv: *e\n${ONE}`, { code: 1, err: ["yaml"] }],
]);

accept(
  "F-12 yes and on are texts, true is none",
  `
env: [{A: yes}, {B: on}, {C: true}, {D: 0x1F}, {E: ~}, {F: 1.50}]
steps: [{id: a, run: 'echo "$A $B $C $D [$E] $F" > @W/o'}]
`,
  [{ args: START, files: { o: "yes on true 31 [] 1.5\n" } }],
);
acceptEach("F-12 a text is no boolean", [
  ["skip_if_successful: yes\n" + ONE, { code: 1, err: ["skip_if_successful"] }],
]);

acceptEach("F-10 8.2 characters that no YAML holds are told with their place", [
  [`description: a\u0000b\n${ONE}`, { code: 1, err: ["Validation failed for w.yaml\n- w.yaml:1:15: yaml "] }],
  [`# one\n# \u0007\n${ONE}`, { code: 1, err: ["- w.yaml:2:3: yaml ", "U+0007"] }],
]);
acceptEach("F-10 and no run starts of them", [
  [`description: a\u0000b\n${ONE}`, { code: 1, err: ["w.yaml:1:15: yaml "] }],
], START);

acceptEach("P-13 F-16 8.2 a schema that cannot be read is an error like others", [
  [`params: {schema: none.json}\ncolour: red\n${ONE}`, {
    code: 1,
    err: [
      "Validation failed for w.yaml\n- w.yaml:1:18: params.schema: cannot read the schema none.json of params",
      "\n- w.yaml:2:1: colour: workflow has invalid keys: colour",
    ],
    notErr: ["was not read with"],
  }],
]);
acceptEach("P-13 and a load error", [
  [`params: {schema: none.json}\n${ONE}`, { code: 1, err: ["w.yaml:1:18: params.schema: cannot read"] }],
], START);

acceptEach("F-13 a later document's error says which document it is", [
  [`${ONE}\n---\nname: x\nsteps: []`, { code: 1, err: ["failed to process document 1"] }],
], START);

accept(
  "F-15 validate executes nothing",
  `
params: [{name: P, eval: "\`touch @W/param\`"}]
preconditions: [{eval: "\`touch @W/condition\`", expected: ""}]
env: [{E: "\`touch @W/env\`"}]
secrets: [{name: S, provider: file, key: nowhere}]
steps: [{id: a, run: "touch @W/step"}]
`,
  [{ args: VALIDATE, files: { param: false, condition: false, env: false, step: false } }],
);

acceptEach("F-17 keys of steps are none of the root", [
  ...["output: X", "outputs: [{name: x}]", "run: echo", "command: echo", "depends: [a]", "id: x"].map((
    line,
  ) => [`${line}\n${ONE}`, { code: 1, err: ["invalid keys", line.split(":")[0] ?? ""] }] as const),
]);
acceptEach("F-18 F-19 what does not go together, and texts where numbers belong", [
  [`ssh: {host: h, user: u}\ncontainer: {image: alpine}\n${ONE}`, { code: 1, err: ["ssh", "container"] }],
  [`timeout_sec: "5"\n${ONE}`, { code: 1, err: ["timeout_sec"] }],
  [`smtp: {host: h, port: "25"}\n${ONE}`, {}],
]);
acceptEach("F-29 an item is named by its list and its place", [
  [`secrets: [A]\n${ONE}`, { code: 1, err: ["secrets[0]: secrets[0] must be a mapping"] }],
  [`shell_args: [x, [y]]\n${ONE}`, { code: 1, err: ["shell_args[1]: shell_args[1] must be a string"] }],
]);
acceptEach("R-39 labels of a list are texts or mappings of texts", [
  [`labels: [a, {b: c}, 1]\n${ONE}`, { isSilent: true }],
  [`labels: [[a]]\n${ONE}`, { code: 1, err: ["a label must be a string, got a list"] }],
  [`labels: {a: [b]}\n${ONE}`, { code: 1, err: ["a label must be a string, got a list"] }],
]);
accept("F-29 where a run is refused, mistakes stand in the file that was given", `colour: red\n${ONE}`, [
  ...[["start", "w.yaml"], ["start", "@W/w"], ["enqueue", "w.yaml"], ["dry", "w.yaml"]].map((args) => ({
    args,
    code: 1,
    err: ["w.yaml:1:1: colour: workflow has invalid keys: colour"],
  })),
]);
acceptEach("8.2 findings are told of files that are right otherwise", [
  ["colour: red\nsteps: [{id: a, command: 'true'}]", {
    code: 1,
    check: ({ stderr }) =>
      assert.match(stderr, /^Validation failed for w\.yaml\n- w\.yaml:1:1: colour: .*\n$/),
  }],
]);
acceptEach("F-22 F-23 keys that have moved", [
  [`precondition: "true"\n${ONE}`, { code: 1, err: ["preconditions"] }],
  [`dir: /tmp\n${ONE}`, { code: 1, err: ["working_dir"] }],
  [`steps: [{id: a, executor: docker, run: x}]`, { code: 1, err: ["action"] }],
  [`artifactDir: x\n${ONE}`, { code: 1, err: ["artifacts.dir"] }],
  [`enableArtifact: true\n${ONE}`, { code: 1, err: ["artifacts.enabled"] }],
  [`forwardHeaders: [x]\n${ONE}`, { code: 1, err: ["webhook.forward_headers"] }],
]);

acceptEach("F-24 F-25 F-27 deprecated spellings are told with their place, and change no exit code", [
  [`steps: [{id: a, command: echo hi}]`, {
    err: ["Deprecated DAG syntax: steps[0].command is deprecated", "use run"],
  }],
  [`${ONE}\nhandler_on: {exit: {command: echo bye}}`, {
    err: ["Deprecated DAG syntax: handler_on.exit.command is deprecated"],
  }],
  [`${ONE}\n---\nname: x\nsteps: [{id: a, command: echo hi}]`, {
    err: ["Deprecated DAG syntax: document[1].steps[0].command is deprecated"],
  }],
  [`tags: [a]\n${ONE}`, { notErr: ["rror"] }],
  [`max_active_runs: 3\n${ONE}`, { err: ["max_active_runs"] }],
  [`max_active_runs: 3\nqueue: q\n${ONE}`, { notErr: ["max_active_runs"] }],
]);
accept("F-25 a run tells no deprecated spelling", "steps: [{id: a, command: echo hi}]", [
  { args: START, notErr: ["Deprecated"], notOut: ["Deprecated"] },
]);

accept("F-30 F-31 names of workflows and runs", ONE, [
  { args: [...START, "--name", "a b"], code: 1, err: ["a b"] },
  { args: [...START, "--name", "x".repeat(41)], code: 1 },
  { args: [...START, "--name", "x".repeat(40)], out: [`dag: ${"x".repeat(40)} `] },
  { args: [...START, "--name", ".."], code: 1 },
  { args: [...START, "--run-id", "a.b"], code: 1, err: ["a.b"] },
  { args: [...START, "--run-id", "x".repeat(65)], code: 1 },
]);
accept("F-32 C-11 the pair of name and id is one run", ONE, [
  { args: [...START, "--name", "pair", "--run-id", "one"] },
  { args: [...START, "--name", "pair", "--run-id", "one"], code: 1, err: ["pair:one"] },
  { args: [...START, "--name", "other", "--run-id", "one"] },
]);
