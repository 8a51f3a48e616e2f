/** Files and validation (workflow-language contract 10.1). */
import { accept, acceptEach, START, VALIDATE } from "./harness.ts";

accept("T-01 minimal", "steps:\n  - id: hello\n    run: echo hello > @W/o\n", [
  { args: VALIDATE, isSilent: true },
  { args: START, out: ["Result: Succeeded"], files: { o: "hello\n" } },
]);

accept(
  "T-02 a later document is not run by itself",
  `steps:
  - {id: only, run: "echo entry > @W/o"}
---
name: other
steps:
  - {id: x, run: "echo other > @W/p"}
`,
  [{ args: START, files: { o: "entry\n", p: false } }],
);

accept(
  "T-03 a later document without name",
  'steps: [{id: a, run: "true"}]\n---\nsteps: [{id: b, run: "true"}]\n',
  [{
    args: VALIDATE,
    code: 1,
    err: ["Validation failed for", "document 2 must define name"],
    check: ({ stdout }) => {
      if (stdout !== "") throw new Error(`stdout: ${stdout}`);
    },
  }],
);

accept("T-04 an entry document with name", 'name: abc\nsteps: [{id: a, run: "true"}]\n', [
  { args: VALIDATE, code: 1, err: ["entrypoint document must not define name"] },
  { args: START },
  { args: ["status", "abc"], out: ["dag: abc"] },
]);

acceptEach("T-05 unknown keys", [
  ['colour: red\nsteps: [{id: a, run: "true"}]', { code: 1, err: ["invalid keys", "colour"] }],
  ['steps: [{id: a, run: "true", colour: red}]', { code: 1, err: ["colour"] }],
  ['defaults: {colour: red}\nsteps: [{id: a, run: "true"}]', { code: 1, err: ["colour"] }],
]);

accept("T-06 an old spelling", 'maxActiveSteps: 2\nsteps: [{id: a, run: "true"}]\n', [
  { args: VALIDATE, code: 1, err: ["invalid keys", "max_active_steps"] },
]);

accept("T-07 a repeated key", 'description: one\ndescription: two\nsteps: [{id: a, run: "true"}]\n', [
  { args: VALIDATE, code: 1, err: ["already defined"] },
]);

accept(
  "1.5 a command of old reads the script beside it, which is a file also when it has one line",
  `steps:
  - {name: words, command: [cat, -n], script: "one\\ntwo", stdout: @W/words}
  - {name: line, command: sh -u, script: 'echo "$0" > @W/line'}
`,
  [
    {
      args: VALIDATE,
      err: ["steps[0].command is deprecated; use run", "steps[0].script is deprecated; use run"],
    },
    { args: START, files: { words: "     1\tone\n     2\ttwo", line: /^\/.+\n$/ } },
  ],
);

accept(
  "1.5 a command that reads a script is the shell: a second one is refused",
  'steps: [{name: a, command: sh, script: "echo hi", shell: bash}]',
  [{ args: VALIDATE, code: 1, err: ["command and script cannot be used together with shell"] }],
);

accept(
  "1.5 a command of old can say which action of its type is meant",
  `working_dir: "@W"
steps:
  - {name: text, command: echo hi > in.txt}
  - {name: pack, depends: text, type: archive, config: {source: in.txt, destination: a.tar}, command: create}
  - {name: list, depends: pack, type: archive, config: {source: a.tar}, command: list, stdout: list}
`,
  [
    { args: VALIDATE, err: ["steps[1].type is deprecated; use action", "steps[1].config is deprecated"] },
    { args: START, files: { list: /"path":"in.txt"/ } },
  ],
);

accept("T-08 deprecated but working", "steps:\n  - name: old\n    command: echo old > @W/o\n", [
  { args: VALIDATE, err: ["steps[0].command is deprecated; use run"] },
  { args: START, files: { o: "old\n" }, notErr: ["deprecated"] },
]);

accept("T-09 several errors at once", 'steps:\n  - {id: "9bad", run: "true"}\n  - {id: ok, run: 7}\n', [
  { args: VALIDATE, code: 1, err: ["- ", "steps[0].id", "steps[1].run"], notErr: ["Usage"] },
]);

accept(
  "T-10 a cycle",
  'steps:\n  - {id: a, depends: b, run: "touch @W/a"}\n  - {id: b, depends: a, run: "touch @W/b"}\n',
  [{ args: START, code: 1, err: ["cyclic"], files: { a: false, b: false } }],
);
