/**
 * Sharp rules of the language (workflow-language contract 9, 1 to 62): values, environment, params, structure. A rule that
 * an acceptance case holds already is not repeated: 3 T-14, 5 6 T-11, 8 T-12, 10 T-13, 13 T-15, 28 T-31, 30 32 T-32, 33 T-74,
 * 34 35 T-39, 39 T-26, 40 T-28, 42 T-24, 44 T-25, 45 T-22, 46 T-21, 48 T-07, 50 T-05, 52 T-03, 54 T-34, 55 T-35, 56 T-36, 57 T-10.
 */
import assert from "node:assert/strict";
import { accept, acceptEach, type Call, START, VALIDATE } from "./harness.ts";

/** A file action writes `content` (YAML text of a scalar) to `o`. */
function writes(content: string, more = ""): string {
  return `  - {id: w, action: file.write, with: {path: @W/o, content: ${content}}${more}}\n`;
}

type Rule = readonly [title: string, yaml: string, call: Omit<Call, "args"> & { readonly args?: string[] }];

// ---- literal or live --------------------------------------------------------------------------------------------

const VALUES: readonly Rule[] = [
  [
    "9.01: a substitution is the shell's in run and plain text in a path",
    `steps:
  - {id: s, run: 'echo $(printf live) > @W/s'}
  - {id: p, action: file.write, with: {path: "@W/$(date)", content: x}}
`,
    { files: { s: "live\n", "$(date)": "x" } },
  ],
  [
    "9.02: an unknown parameter reaches the shell as typed",
    `steps: [{id: s, run: 'echo "\${params.missing}"'}]\n`,
    {
      code: 1,
      check: ({ stdout, stderr }) => assert.match(stdout + stderr, /bad substitution/i),
    },
  ],
  [
    "9.04: a caller's $HOME is text to the engine, and the shell's to expand",
    `params: {A: ""}\nsteps:\n  - {id: s, run: 'echo "\${params.A}" > @W/s'}\n${writes('"${params.A}"')}`,
    { args: [...START, "--", "A=$HOME"], files: { o: "$HOME", s: `${Deno.env.get("HOME")}\n` } },
  ],
  [
    "9.07: single quotes do not stop a reference",
    `consts: [{x: v}]\nsteps:\n${writes(`"'\${consts.x}'"`)}`,
    { files: { o: "'v'" } },
  ],
  [
    "9.09: a default of the shell's own works in run",
    `steps: [{id: s, run: 'echo "\${NOPE:-fallback}" > @W/o'}]\n`,
    { files: { o: "fallback\n" } },
  ],
  [
    "9.11: a demand for a value is kept, and fails nothing",
    `env: [{EMPTY: ""}]\nsteps:\n${writes("'${EMPTY:?boom}'")}`,
    { files: { o: "${EMPTY:?boom}" } },
  ],
  [
    "9.15: an alias without context. works",
    `steps:\n${writes('"${dag.name} ${context.dag.name}"')}`,
    { files: { o: "w w" } },
  ],
  [
    "9.16: a reference needs braces",
    `params: {x: v}\nsteps:\n  - {id: s, run: 'params=shell; echo "$params.x" > @W/s'}\n${
      writes('"$params.x"')
    }`,
    { files: { o: "$params.x", s: "shell.x\n" } },
  ],
  [
    "9.17: inserted text is not resolved again",
    `params: {p: "\${params.q}", q: real}\nsteps:\n${writes('"${params.p}"')}`,
    { files: { o: "${params.q}" } },
  ],
  [
    "9.19: an output in object form inserts compact JSON",
    `steps:\n  - {id: p, output: {a: {value: [1, x]}, b: 5}}\n${writes('"${p.output}"', ", depends: p")}`,
    { files: { o: '{"a":[1,"x"],"b":5}' } },
  ],
  [
    "9.20: a template keeps references, its data does not",
    `params: {x: Ann}
steps:
  - id: t
    action: template.render
    with: {template: "Hi {{ .who }} \${params.x}", data: {who: "\${params.x}"}, output: @W/o}
`,
    { files: { o: "Hi Ann ${params.x}" } },
  ],
  [
    "9.21: expected is compared as written",
    `params: {x: v}
steps:
  - {id: a, preconditions: [{condition: "\${params.x}", expected: "\${params.x}"}], run: "touch @W/a"}
  - {id: b, preconditions: [{condition: '\\\${params.x}', expected: "\${params.x}"}], run: "touch @W/b"}
`,
    { files: { a: false, b: true } },
  ],
  [
    "9.23: the key of a secret is literal",
    `env: [{X: other}]
secrets: [{name: TOK, provider: file, key: "@W/\${env.X}"}]
steps: [{id: s, run: 'printf %s "$TOK" | wc -c | tr -d " " > @W/o'}]
`,
    { write: { "${env.X}": "literal-key\n", other: "no" }, files: { o: "11\n" } },
  ],
  [
    "9.24: a backtick in a default is text",
    `params: [{name: A, default: "\`touch @W/x\`"}]\nsteps:\n${writes('"${params.A}"')}`,
    { files: { o: "`touch @W/x`", x: false } },
  ],
  [
    "9.25: what a substitution prints is trimmed",
    `params: [{name: A, eval: "[$(printf '  a b  \\n\\n')]"}]\nsteps:\n${writes('"${params.A}"')}`,
    { files: { o: "[a b]" } },
  ],
  [
    "9.26: each substitution of an eval runs, text without one does not",
    `params:
  - {name: A, eval: "$(echo a)-\`echo b\`"}
  - {name: B, eval: "touch @W/x"}
steps:\n${writes('"${params.A} ${params.B}"')}`,
    { files: { o: "a-b touch @W/x", x: false } },
  ],
  [
    "9.27: a substitution in a substitution is refused",
    `params: [{name: A, eval: "$(echo $(date))"}]\nsteps:\n${writes('"${params.A}"')}`,
    { code: 1, err: ["nested command substitution is not supported"], files: { o: false } },
  ],
];

/** Kept at run time, and no word about it. */
accept(
  "9.12 9.14: text that only looks like a reference is kept without a notice",
  `steps:
  - {id: a, run: "true"}
${writes('"${steps.a.outputs} ${steps.a.b} ${run.colour}"', ", depends: a")}`,
  [
    { args: START, files: { o: "${steps.a.outputs} ${steps.a.b} ${run.colour}" } },
    { args: VALIDATE, isSilent: true },
  ],
);

// ---- environment and params -------------------------------------------------------------------------------------

const ENVIRONMENT: readonly Rule[] = [
  [
    "9.29: a run's id is protected at the root, not in a step",
    `env: [{DAG_RUN_ID: fake}]
steps:
  - {id: a, run: 'echo "$DAG_RUN_ID" > @W/a'}
  - {id: b, env: [{DAG_RUN_ID: own}], run: 'echo "$DAG_RUN_ID \${context.run.id}" > @W/b'}
`,
    { args: [...START, "--run-id", "r29"], files: { a: "r29\n", b: "own r29\n" } },
  ],
  [
    "9.31: a dotenv file is added after .env",
    `working_dir: @W\ndotenv: other.env\nsteps: [{id: s, run: 'echo "$A $B" > o'}]\n`,
    { write: { ".env": "A=1\nB=1\n", "other.env": "B=2\n" }, files: { o: "1 2\n" } },
  ],
  [
    "9.36: an entry is split at its first equals sign",
    `env: [NAME=a=b]\nsteps: [{id: s, run: 'echo "$NAME" > @W/o'}]\n`,
    { files: { o: "a=b\n" } },
  ],
  [
    "9.38: each attempt has an output file of its own",
    `steps:
  - id: s
    run: echo "$DAGU_OUTPUT_FILE" >> @W/n; test $(sort -u @W/n | wc -l) -eq 2
    retry_policy: {limit: 1, interval_sec: 0}
`,
    { files: { n: /^\/.+\n\/.+\n$/ } },
  ],
  [
    "9.41: surplus numbers are counted",
    'params: [{name: A, default: x}]\nsteps: [{id: s, run: "true"}]\n',
    { args: [...START, "--params", "[1,2,3]"], code: 1, err: ["expected at most 1, got 3"] },
  ],
  [
    "9.43: a boolean is exposed in small letters",
    `params: [{name: B, type: boolean, default: false}]\nsteps: [{id: s, run: 'echo "$B" > @W/o'}]\n`,
    { args: [...START, "--", "B=TRUE"], files: { o: "true\n" } },
  ],
  [
    "9.47: the payload of tokens has sorted keys and text values",
    `params: {b: 1, a: 2}\nsteps: [{id: s, run: 'printf %s "$DAG_PARAMS_JSON" > @W/o'}]\n`,
    { args: [...START, "--", "b=3", "a=true"], files: { o: '{"a":"true","b":"3"}' } },
  ],
];

for (const [title, yaml, call] of [...VALUES, ...ENVIRONMENT]) {
  accept(title, yaml, [{ args: START, ...call }]);
}

// ---- structure --------------------------------------------------------------------------------------------------

const RUN = 'steps: [{id: s, run: "true"}]\n';
const REFUSED: readonly (readonly [title: string, fragment: string, ...files: string[]])[] = [
  [
    "9.22: dependencies, ids and actions are never resolved",
    "${params.s}",
    'params: {s: a}\nsteps: [{id: a, run: "true"}, {id: b, depends: ["${params.s}"], run: "true"}]\n',
    "params: {s: noop}\nsteps: [{id: a, action: '${params.s}'}]\n",
  ],
  [
    "9.22: an unknown step, though a parameter names it",
    "depends on non-existent step",
    'params: {s: a}\nsteps: [{id: a, run: "true"}, {id: b, depends: ["${params.s}"], run: "true"}]\n',
  ],
  [
    "9.22: no id, though a parameter would be one",
    "invalid step ID format",
    `params: {s: a}\nsteps: [{id: '\${params.s}', run: "true"}]\n`,
  ],
  [
    "9.37: a dash in an env name",
    "A-B",
    `env: [{A-B: x}]\n${RUN}`,
    `env: {A-B: x}\n${RUN}`,
    `env: [A-B=x]\n${RUN}`,
    'steps: [{id: s, run: "true", env: [{A-B: x}]}]\n',
  ],
  ["9.49: an unknown root key", "has invalid keys: unknown", `unknown: 1\n${RUN}`],
  ["9.51: no steps", "steps must be a non-empty sequence", "steps: []\n", "steps: {}\n"],
  ["9.53: reserved ids", "reserved word", 'steps: [{id: Outputs, run: "true"}]\n'],
  [
    "9.58: outputs without an id",
    "a step with outputs must define id",
    'steps: [{run: "true", outputs: [{name: v}]}]\n',
  ],
  ["9.59: run is a number", "run must be a string or array", "steps: [{id: s, run: 5}]\n"],
  ["9.61: run and command", "run cannot be used together with command", RUN.replace("}", ", command: x}")],
  ["9.62: foreign settings of run", "timeout", RUN.replace("}", ", with: {timeout: 3}}")],
];

for (const [title, fragment, ...files] of REFUSED) {
  acceptEach(title, files.map((yaml) => [yaml, { code: 1, err: [fragment] }]));
}

accept("9.60: scalars of a list are programs", "steps: [{id: s, run: [false, true]}]\n", [
  { args: START, code: 1, err: ["command 1 failed"] },
]);
