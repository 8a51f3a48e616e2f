/** Sections 3.1 to 3.5 and 4.14 to 4.21 of the language, rule by rule, where the acceptance cases of section 10 have none. */
import assert from "node:assert/strict";
import { accept, acceptEach, START } from "./harness.ts";

accept("P-17 parameters stand behind --", "params: [{A: x}]\nsteps: [{id: a, run: 'true'}]", [
  { args: [...START, "A=1"], code: 1, err: ["unexpected arguments after DAG definition", "'--'"] },
]);
accept(
  "P-24 P-25 consts are the document's own, and no variables",
  `
consts: [{c: mine}]
steps:
  - {id: a, run: 'echo "\${consts.c} [$c]" > @W/a'}
  - {id: b, action: dag.run, with: {dag: child}}
---
name: child
steps: [{id: x, run: "echo '\${consts.c}' > @W/b"}]
`,
  [{ args: START, files: { a: "mine []\n", b: "${consts.c}\n" } }],
);
accept(
  "P-27 P-28 P-38 scalars become texts wherever env stands",
  `
env: [{I: 3}, {T: true}, {N: null}, "KV=x=y"]
defaults: {env: [{D: 1.50}]}
handler_on: {exit: {run: 'echo "$H" > @W/h', env: {H: false}}}
steps: [{id: a, env: {S: 0}, run: 'echo "$I $T [$N] $KV $D $S" > @W/a'}]
`,
  [{ args: START, files: { a: "3 true [] x=y 1.5 0\n", h: "false\n" } }],
);
acceptEach("P-27 lists and mappings are no values", [
  ["env: [{A: [1]}]\nsteps: [{id: a, run: x}]", { code: 1, err: ["env[0]"] }],
  ["env: {A: {b: c}}\nsteps: [{id: a, run: x}]", { code: 1, err: ["env"] }],
]);
accept(
  "P-29 values cross into a sub-workflow by its parameters only",
  `
env: [{ROOT: root}]
steps:
  - {id: a, env: {STEP: step}, action: dag.run, with: {dag: child, params: {P: "\${env.ROOT}"}}}
---
name: child
params: [{P: none}]
steps: [{id: x, run: 'echo "[$ROOT] [$STEP] $P" > @W/o'}]
`,
  [{ args: START, files: { o: "[] [] root\n" } }],
);
accept(
  "P-30 .env is read first, and what is named besides comes behind it",
  `
working_dir: "@W"
dotenv: more.env
steps: [{id: a, run: 'echo "$ONE $TWO $BOTH" > @W/o'}]
`,
  [{
    args: START,
    write: { ".env": "ONE=1\nBOTH=first\n", "more.env": "TWO=2\nBOTH=second\n" },
    files: { o: /^1 2 (first|second)\n$/ },
  }],
);
const MALFORMED = "note: dotenv file bad.env is not used: line 2";
accept(
  "P-31 C-02 a dotenv file that cannot be used is told on stderr, also to who wants it quiet, and the run goes on",
  `
working_dir: "@W"
dotenv: [bad.env, folder, gone.env]
steps: [{id: a, run: 'echo "$ONE[$TWO]" > o'}]
`,
  [
    {
      args: START,
      write: { ".env": "ONE=1\n", "bad.env": "TWO=2\nno assignment\n", "folder/x": "" },
      files: { o: "1[]\n" },
      err: [MALFORMED, "note: dotenv file folder is not used: it is not a file"],
      notErr: ["gone.env"],
      notOut: ["note:"],
    },
    { args: ["start", "-q", "w.yaml"], err: [MALFORMED], check: ({ stdout }) => assert.equal(stdout, "") },
    { args: ["dry", "w.yaml"], err: [MALFORMED], notOut: ["note:"] },
    { args: ["status", "w"], out: [MALFORMED] },
  ],
);
accept(
  "P-31 P-35 files are looked for in the working directory, then beside the workflow",
  `
params: {DIR: sub}
working_dir: "\${params.DIR}"
dotenv: [both.env, beside.env]
secrets:
  - {name: S, provider: file, key: both.txt}
  - {name: T, provider: file, key: beside.txt}
steps: [{id: a, run: 'printf %s "$S $T" | tr a-z A-Z > @W/o; echo "$BOTH $BESIDE" > @W/p'}]
`,
  [{
    args: START,
    write: {
      "sub/both.txt": "inside\n",
      "both.txt": "outside\n",
      "beside.txt": "beside\n",
      "sub/both.env": "BOTH=inside\n",
      "both.env": "BOTH=outside\n",
      "beside.env": "BESIDE=beside\n",
    },
    files: { o: "INSIDE BESIDE", p: "inside beside\n" },
  }],
);
acceptEach("P-33 names of dotenv files are texts", [
  ["dotenv: [1]\nsteps: [{id: a, run: x}]", {
    code: 1,
    err: ["dotenv must be a string or an array of strings"],
  }],
]);
accept(
  "P-35 P-38 S-62 a secret of a file loses its last line break, and is masked wherever it goes",
  `
working_dir: "@W"
secrets: [{name: TOKEN, provider: file, key: token.txt}]
steps: [{id: a, run: 'printf "%s|" "$TOKEN" "\${env.TOKEN}"; printf %s "$TOKEN" | wc -c > @W/size', stdout: "@W/o"}]
`,
  [{
    args: START,
    write: { "token.txt": "s3cr3t-value\n" },
    notOut: ["s3cr3t-value"],
    notErr: ["s3cr3t-value"],
    files: { size: /^\s*12\n$/, o: /^\*+\|\*+\|$/ },
  }],
);
accept(
  "P-36 P-39 a secret that is not there ends the run before any step; dry runs do not ask for it",
  `
secrets: [{name: TOKEN, provider: env, key: NO_SUCH_VARIABLE_HERE}]
steps: [{id: a, run: "touch @W/ran"}]
`,
  [
    { args: ["dry", "w.yaml"] },
    { args: START, code: 1, err: ["TOKEN"], files: { ran: false } },
  ],
);
accept(
  "S-31 S-132 a child's end is its step's",
  `
steps:
  - {id: partly, action: dag.run, with: {dag: partly}}
  - {id: fails, action: dag.run, with: {dag: fails}, continue_on: failed}
---
name: partly
steps: [{id: x, run: "exit 1", continue_on: failed}, {id: y, run: "true"}]
---
name: fails
steps: [{id: x, run: "exit 1"}]
`,
  [{ args: START, out: ["[partially_succeeded]", "[failed]", "Result: Partially Succeeded"] }],
);
accept(
  "S-52 output beyond the limit fails the step, and says what the limit is",
  `
max_output_size: 4
steps: [{id: a, run: "echo 12345", output: X}]
`,
  [{ args: START, code: 1, err: ["output exceeded maximum size limit of 4 bytes"] }],
);
accept(
  "O-3 V-45 a failed step publishes no variable",
  `
steps:
  - {id: a, run: "echo value; exit 1", output: X, continue_on: failed}
  - {id: b, depends: a, run: 'echo "[$X]" > @W/o'}
`,
  [{ args: START, files: { o: "[]\n" } }],
);
accept(
  "O-5 S-103 all separators cut",
  `
steps:
  - {id: a, action: dag.run, with: {dag: c, params: {P: "\${ITEM}"}}, parallel: "a,b;c|d e\\tf"}
---
name: c
params: [{P: x}]
steps: [{id: x, run: 'touch "@W/got-$P"'}]
`,
  [{
    args: START,
    files: { "got-a": true, "got-b": true, "got-c": true, "got-d": true, "got-e": true, "got-f": true },
  }],
);
accept(
  "O-4 S-105 items that come to the same call are one child",
  `
steps:
  - {id: a, action: dag.run, with: {dag: c, params: {P: same}}, parallel: [one, two, three]}
---
name: c
params: [{P: x}]
steps: [{id: x, run: 'echo "$P" >> @W/o'}]
`,
  [{ args: START, files: { o: "same\n" }, out: ['"total": 1'] }],
);
accept(
  "O-6 a precondition that cannot be evaluated stops the run",
  `
steps:
  - {id: a, run: "true", preconditions: [{eval: "\`exit 3\`", expected: x}]}
  - {id: b, depends: a, run: "touch @W/b"}
`,
  [{ args: START, code: 1, files: { b: false } }],
);
accept(
  "O-13 A-38 file.write makes no folder that it was not asked for",
  `
working_dir: "@W"
steps: [{id: a, action: file.write, with: {path: no/file, content: x}}]
`,
  [{ args: START, code: 1, files: { "no/file": false } }],
);
accept(
  "O-14 F-08 steps as a mapping are loaded in the order of their names",
  `
type: chain
steps:
  b: {run: "echo b >> @W/o"}
  a: {run: "echo a >> @W/o"}
`,
  [
    { args: ["validate", "w.yaml"], code: 1, err: ["steps must be a non-empty sequence"] },
    { args: START, files: { o: "a\nb\n" } },
  ],
);
