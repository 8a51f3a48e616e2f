/** `params[].eval`: the runner's part of binding (workflow-language contract 2.12, 3.1). */
import assert from "node:assert/strict";
import { play, type Played } from "../../support/scripted-run.ts";

const STEP = "\nsteps: [{id: s, run: 'echo ${params.A} ${params.B} ${params.C}'}]\n";

function command(played: Played): string {
  const action = played.calls[0]?.action;
  return action?.name === "run" ? action.texts[0] ?? "" : "";
}

const T21 = `params:
  - {name: A, default: a}
  - {name: B, eval: "x$(echo \${params.A}-b)"}
  - {name: C, eval: "$(exit 3)", default: c}${STEP}`;

Deno.test("params: T-21 caller, eval and default, in source order", async () => {
  const played = await play(T21, { params: { A: "a" }, given: [], prints: { "echo a-b": "a-b" } });
  assert.equal(command(played), "echo a xa-b c");
  assert.deepEqual(played.substituted, ["echo a-b", "exit 3"]);
  assert.ok(played.state.notes[0]?.includes("params[2] (C): eval failed"), played.state.notes[0]);
});

Deno.test("params: P-15 computed values are in the environment and in the payload, sorted", async () => {
  const played = await play(T21, { params: { A: "a" }, given: [], prints: { "echo a-b": "a-b" } });
  const env = played.calls[0]?.scopeEnv;
  assert.equal(env?.["B"], "xa-b");
  assert.equal(env?.["DAG_PARAMS_JSON"], '{"A":"a","B":"xa-b","C":"c"}');
  assert.equal(env?.["DAGU_PARAMS_JSON"], env?.["DAG_PARAMS_JSON"]);
});

Deno.test("params: P-05, 45 what the caller gave is not executed", async () => {
  const played = await play(T21, { params: { A: "z", B: "b", C: "$(date)" }, given: ["A", "B", "C"] });
  assert.equal(command(played), "echo z b $(date)");
  assert.deepEqual(played.substituted, []);
});

Deno.test("params: P-04 an eval sees earlier values and every given one, not its own or a later one", async () => {
  const yaml = `params:
  - {name: A, eval: "\${params.A}|\${params.B}|\${params.C}|\${params.D}"}
  - {name: B, default: b}
  - {name: C, eval: c}
  - {name: D, default: d}
${STEP.trimStart()}`;
  const played = await play(yaml, { params: { B: "b", D: "given" }, given: ["D"] });
  assert.equal(played.calls[0]?.scopeEnv["A"], "${params.A}|${params.B}|${params.C}|given");
});

Deno.test("params: V-64, 26 text without a substitution is text", async () => {
  const played = await play(`params: [{name: A, eval: "echo 1"}]${STEP}`, { given: [] });
  assert.equal(played.calls[0]?.scopeEnv["A"], "echo 1");
  assert.deepEqual(played.substituted, []);
});

Deno.test("params: V-57 references, names of the process, then each command", async () => {
  const yaml = `consts: [{k: const}]
env: [{ROOT: root}]
params: [{name: A, eval: "\${consts.k} $HOME '$HOME' \${context.run.id} \${env.ROOT} $(one) \`two\`"}]${STEP}`;
  const played = await play(yaml, { given: [], prints: { one: "1", two: "2" } });
  assert.equal(played.calls[0]?.scopeEnv["A"], "const /home/runner '$HOME' run-1 ${env.ROOT} 1 2");
});

Deno.test("params: V-19 a given value is never executed where it is inserted", async () => {
  const yaml = `params: [{name: A, default: a}, {name: B, eval: "\${params.A}!"}]${STEP}`;
  const played = await play(yaml, { params: { A: "$(date) `date`" }, given: ["A"] });
  assert.equal(played.calls[0]?.scopeEnv["B"], "$(date) `date`!");
  assert.deepEqual(played.substituted, []);
});

const failing: readonly [name: string, param: string, ...tokens: string[]][] = [
  ["T-23 without a default", 'eval: "$(exit 9)"', "params[0] (A)", "eval failed", "exit status 9"],
  [
    "27 nested",
    'eval: "$(echo $(date))"',
    "params",
    "eval failed",
    "nested command substitution is not supported",
  ],
  [
    "P-07 a value of another type",
    "type: integer, eval: two",
    "parameter validation failed",
    "A",
    "cannot coerce",
  ],
  ["3.1 a value outside the range", "type: integer, maximum: 5, eval: '6'", "A", "at most 5"],
];
for (const [name, param, ...wanted] of failing) {
  Deno.test(`params: V-62 ${name}: failed before any step, no handler`, async () => {
    const yaml = `handler_on: {failure: {run: x}, exit: {run: x}}\nparams: [{name: A, ${param}}]${STEP}`;
    const played = await play(yaml, { given: [] });
    assert.equal(played.state.status, "failed");
    assert.equal(played.calls.length, 0);
    const told = played.state.failure?.message ?? "";
    for (const token of wanted) assert.ok(told.includes(token), `${told} should tell ${token}`);
  });
}

Deno.test("params: V-62 the default of a failing eval is literal", async () => {
  const yaml = `params: [{name: A, eval: "$(exit 1)", default: "$(date) \${consts.x}"}]${STEP}`;
  const played = await play(yaml, { given: [] });
  assert.equal(played.calls[0]?.scopeEnv["A"], "$(date) ${consts.x}");
});
