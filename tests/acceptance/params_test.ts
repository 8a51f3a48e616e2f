/** Params, consts, env, dotenv, secrets (workflow-language contract 10.3). */
import assert from "node:assert/strict";
import { join } from "node:path";
import { accept, acceptEach, START, VALIDATE } from "./harness.ts";

accept(
  "T-21 the order of choice",
  `params:
  - {name: A, default: a}
  - {name: B, eval: "x$(echo \${params.A}-b)"}
  - {name: C, eval: "$(exit 3)", default: c}
steps:
  - {id: s, run: 'echo "\${params.A} \${params.B} \${params.C}" > @W/o'}
`,
  [
    { args: START, files: { o: "a xa-b c\n" } },
    { args: ["start", "w.yaml", "-p", "A=z"], files: { o: "z xz-b c\n" } },
  ],
);

accept(
  "T-22 a caller's value switches eval off",
  `params:\n  - {name: A, eval: "$(touch @W/ran; echo v)"}\nsteps: [{id: s, run: 'echo "\${params.A}" > @W/o'}]\n`,
  [
    { args: [...START, "--", "A=given"], files: { o: "given\n", ran: false } },
    { args: VALIDATE, files: { ran: false } },
    { args: START, files: { o: "v\n", ran: true } },
  ],
);

accept(
  "T-23 eval fails",
  'params:\n  - {name: A, eval: "$(exit 9)"}\nsteps: [{id: s, run: "touch @W/o"}]\n',
  [
    { args: START, code: 1, err: ["params", "eval failed"], files: { o: false } },
    { args: VALIDATE },
  ],
);

accept(
  "T-24 a typed parameter",
  "params:\n  - {name: N, type: integer, default: 2, minimum: 1, maximum: 5}\nsteps: [{id: s, run: 'echo $N > @W/o'}]\n",
  [
    { args: [...START, "--", "N=6"], code: 1, err: ["N"], files: { o: false } },
    { args: [...START, "--", "N=two"], code: 1, err: ["N", "cannot coerce"], files: { o: false } },
    { args: START, files: { o: "2\n" } },
    { args: [...START, "--", "N=5"], files: { o: "5\n" } },
  ],
);

accept(
  "T-25 a required parameter",
  'params: [{name: KEY, required: true}]\nsteps: [{id: s, run: "true"}]\n',
  [
    { args: VALIDATE },
    { args: START, code: 1, err: ["parameter validation failed"] },
    { args: [...START, "--", "KEY=1"] },
  ],
);

accept("T-26 unknown and surplus", 'params: [{name: A, default: x}]\nsteps: [{id: s, run: "true"}]\n', [
  { args: [...START, "--", "B=1"], code: 1, err: ["unknown parameter(s)", "A"] },
  { args: ["start", "w.yaml", "--params", '["1","2"]'], code: 1, err: ["expected at most 1, got 2"] },
]);

accept(
  "T-27 the payload",
  `params: {b: 2, a: one}\nsteps: [{id: s, run: 'printf %s "$DAG_PARAMS_JSON" > @W/o'}]\n`,
  [{ args: START, files: { o: '{"a":"one","b":"2"}' } }],
);

accept("T-28 params without separator", 'steps: [{id: s, run: "true"}]\n', [
  { args: [...START, "A=1"], code: 1, err: ["unexpected arguments after DAG definition", "'--'"] },
]);

accept(
  "T-29 a chain of consts",
  `consts:
  - base: img
  - full: "\${consts.base}:9"
  - early: "\${consts.late}"
  - late: x
steps: [{id: s, action: file.write, with: {path: @W/o, content: "\${consts.full} \${consts.early}"}}]
`,
  [{ args: START, files: { o: "img:9 ${consts.late}" } }],
);

const STEPS = '\nsteps: [{id: s, run: "true"}]\n';
acceptEach("T-30 bad consts", [
  [`consts: {a: 1}${STEPS}`, { code: 1, err: ["consts must use list form"] }],
  [`consts:\n  - {a: 1, b: 2}${STEPS}`, { code: 1, err: ["exactly one key"] }],
  [`consts:\n  - a-b: 1${STEPS}`, { code: 1, err: ["consts key"] }],
  [`consts:\n  - a: [1]${STEPS}`, { code: 1, err: ["must be a literal string, number, or boolean"] }],
]);

accept(
  "T-31 the order of env, and what is protected",
  `env:
  - ONE: "1"
  - TWO: "\${env.ONE}2"
  - EARLY: "\${env.LATE}"
  - LATE: z
  - DAG_NAME: fake
  - COPY: "\${env.DAG_NAME}"
steps:
  - {id: s, run: 'printf "%s|%s|%s|%s" "$TWO" "$EARLY" "$COPY" "$DAG_NAME" > @W/o'}
`,
  [{ args: START, files: { o: "12|${env.LATE}|fake|w" } }],
);

const DOTENV = "working_dir: @W\nenv: [{K: yaml}]\nsteps: [{id: s, run: 'echo $K > o'}]\n";
accept("T-32 dotenv", DOTENV, [{ args: START, write: { ".env": "K=file\n" }, files: { o: "file\n" } }]);
accept("T-32 dotenv: []", `${DOTENV}dotenv: []\n`, [
  { args: START, write: { ".env": "K=file\n" }, files: { o: "yaml\n" } },
]);

accept(
  "T-33 a secret is masked",
  `secrets:
  - {name: TOK, provider: env, key: MY_TOKEN}
steps: [{id: s, run: 'echo "$TOK"; printf %s "$TOK" | wc -c > @W/o'}]
`,
  [{
    args: START,
    env: { MY_TOKEN: "s3cr3tvalue" },
    files: { o: /11/ },
    err: ["*******"],
    notErr: ["s3cr3tvalue"],
    notOut: ["s3cr3tvalue"],
    check: async (_result, _folder, home) => {
      const told = await filesHolding(home, "s3cr3tvalue");
      assert.deepEqual(told, []);
      assert.ok((await filesHolding(home, "*******")).some((path) => path.endsWith(".out")));
    },
  }],
);

/** Logs, records, spools: whatever a home keeps. */
async function filesHolding(dir: string, text: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory, isFile } of Deno.readDir(dir)) {
    const path = join(dir, name);
    if (isDirectory) found.push(...await filesHolding(path, text));
    else if (isFile && (await Deno.readTextFile(path)).includes(text)) found.push(path);
  }
  return found;
}
