/** Parameters, conditions and dotenv files through the real program (workflow-language contract 10.3, 10.7). */
import assert from "node:assert/strict";
import { join } from "node:path";
import { dagu, type DaguResult } from "../support/dagu.ts";

interface Case {
  readonly name: string;
  /** `@W` is the folder of the workflow. */
  readonly yaml: string;
  readonly command?: "start" | "validate";
  readonly args?: readonly string[];
  /** Beside the workflow. */
  readonly files?: Readonly<Record<string, string>>;
  readonly code: number;
  /** Files that are there afterwards, and what they hold. */
  readonly want: Readonly<Record<string, string>>;
  readonly says?: readonly string[];
}

const T21 = `params:
  - {name: A, default: a}
  - {name: B, eval: "x$(echo \${params.A}-b)"}
  - {name: C, eval: "$(exit 3)", default: c}
steps:
  - {id: s, run: 'echo "\${params.A} \${params.B} \${params.C}" > @W/o'}
`;
const T22 = `params:
  - {name: A, eval: "$(touch @W/ran; echo v)"}
steps: [{id: s, run: 'echo "\${params.A}" > @W/o'}]
`;
const T23 = `params: [{name: A, eval: "$(exit 9)"}]\nsteps: [{id: s, run: "touch @W/o"}]\n`;
const T60 = `steps: [{id: s, preconditions: [{eval: "$(cat @W/flag)", expected: up}], run: "touch @W/o"}]\n`;

const cases: readonly Case[] = [
  { name: "T-21 order of choice", yaml: T21, code: 0, want: { o: "a xa-b c\n" } },
  { name: "T-21 with a value", yaml: T21, args: ["-p", "A=z"], code: 0, want: { o: "z xz-b c\n" } },
  {
    name: "T-22 a caller's value disables eval",
    yaml: T22,
    args: ["--", "A=given"],
    code: 0,
    want: { o: "given\n" },
  },
  { name: "T-22 validate executes nothing", yaml: T22, command: "validate", code: 0, want: {} },
  {
    name: "T-23 eval fails",
    yaml: T23,
    code: 1,
    want: {},
    says: ["params", "eval failed"],
  },
  {
    name: "P-14 positional values",
    yaml: `params: "eu MODE=slow"\nsteps: [{id: s, run: "echo $1 $MODE > @W/o"}]\n`,
    args: ["--", "two words", "MODE=fast"],
    code: 0,
    want: { o: "two words fast\n" },
  },
  {
    name: "P-15 the caller's JSON",
    yaml: `params: {A: a, B: b}\nsteps: [{id: s, run: 'printf %s "$DAG_PARAMS_JSON" > @W/o'}]\n`,
    args: ["--params", '{"B": {"k": [1]}}'],
    code: 0,
    want: { o: '{"A":"a","B":{"k":[1]}}' },
  },
  {
    name: "P-19 values that cannot be changed",
    yaml: `run_config: {disable_param_edit: true}\nparams: {A: a}\nsteps: [{id: s, run: "touch @W/o"}]\n`,
    args: ["--", "A=b"],
    code: 1,
    want: {},
    says: ["disable_param_edit", "A"],
  },
  {
    name: "P-13 a schema beside the workflow",
    yaml: `params: {schema: s.json, values: {N: 4}}\nsteps: [{id: s, run: 'echo "$N $R" > @W/o'}]\n`,
    files: { "s.json": '{"properties": {"N": {"type": "integer"}, "R": {"default": "eu"}}}' },
    code: 0,
    want: { o: "4 eu\n" },
  },
  { name: "T-60 met", yaml: T60, files: { flag: "up\n" }, code: 0, want: { o: "" } },
  {
    name: "T-60 cannot be evaluated",
    yaml: T60.replace("expected: up", "expected: up, negate: true"),
    code: 1,
    want: {},
    says: ["precondition"],
  },
  {
    name: "S-75 a root condition that cannot be evaluated",
    yaml: `preconditions: [{eval: "$(cat @W/flag)", expected: up}]\nsteps: [{id: s, run: "touch @W/o"}]\n`,
    code: 1,
    want: {},
    says: ["exit status 1"],
  },
  {
    name: "S-76 what a step's condition sees",
    yaml: `working_dir: @W
steps:
  - {id: a, run: "echo v", output: OUT}
  - id: b
    depends: a
    env: [{MINE: m}]
    working_dir: sub
    preconditions: ['test "$MINE$OUT" = mv', 'test "$PWD" = @W/sub']
    run: touch @W/o
`,
    code: 0,
    want: { o: "" },
  },
  {
    name: "T-32 dotenv",
    yaml: `working_dir: @W\nenv: [{K: yaml}]\nsteps: [{id: s, run: 'echo $K > o'}]\n`,
    files: { ".env": "K=file\n" },
    code: 0,
    want: { o: "file\n" },
  },
  {
    name: "T-32 without dotenv",
    yaml: `dotenv: []\nworking_dir: @W\nenv: [{K: yaml}]\nsteps: [{id: s, run: 'echo $K > o'}]\n`,
    files: { ".env": "K=file\n" },
    code: 0,
    want: { o: "yaml\n" },
  },
];

Deno.test("parameters, conditions and dotenv files", async (test) => {
  const home = await Deno.makeTempDir({ prefix: "dagu-params-" });
  try {
    for (const one of cases) await test.step(one.name, () => play(one, home));
  } finally {
    await Deno.remove(home, { recursive: true });
  }
});

async function play(
  { yaml, command = "start", args = [], files = {}, ...expected }: Case,
  home: string,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "dagu-w-" });
  try {
    await Deno.writeTextFile(join(folder, "w.yaml"), yaml.replaceAll("@W", folder));
    for (const [name, text] of Object.entries(files)) await Deno.writeTextFile(join(folder, name), text);
    const done = await dagu({ args: [command, "w.yaml", ...args], env: { DAGU_HOME: home }, cwd: folder });
    const given = new Set(["w.yaml", ...Object.keys(files)]);
    assert.equal(done.code, expected.code, told(done));
    assert.deepEqual(await filesIn(folder, given), expected.want, told(done));
    for (const token of expected.says ?? []) assert.ok(done.stderr.includes(token), told(done));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function filesIn(folder: string, without: ReadonlySet<string>): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for await (const { name, isFile } of Deno.readDir(folder)) {
    if (isFile && !without.has(name)) found[name] = await Deno.readTextFile(join(folder, name));
  }
  return found;
}

function told({ stdout, stderr }: DaguResult): string {
  return `${stdout}\n${stderr}`;
}
