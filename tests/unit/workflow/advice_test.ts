import assert from "node:assert/strict";
import { adviseOnKey } from "../../../src/workflow/schema/key-advice.ts";
import { parseWorkflow } from "../../../src/workflow/parse.ts";

const STEP = [
  "run",
  "depends",
  "env",
  "retry_policy",
  "timeout_sec",
  "preconditions",
  "min_length",
  "minimum",
];

for (
  const [key, advice] of [
    ["timeout", "did you mean timeout_sec?"],
    ["retry", "did you mean retry_policy?"],
    ["min", "did you mean min_length or minimum?"],
    ["depnds", "did you mean depends?"],
    ["needs", "use depends"],
    ["environment", "use env"],
    // Here nothing is called so: neither by others nor by a slip.
    ["image", null],
    ["ran", "did you mean run?"],
    ["on", null],
    ["rub_out", null],
  ] as const
) {
  Deno.test(`adviseOnKey: F-20 ${key}`, () => assert.equal(adviseOnKey(key, STEP), advice));
}

/** `line:column: path: message (remedy)` of each error. */
function told(text: string): string[] {
  return parseWorkflow(text, "validate").problems.map(({ position, path, message, remedy }) =>
    `${position?.line}:${position?.column}: ${path}: ${message} (${remedy})`
  );
}

for (
  const [id, text, want] of [
    ["F-10", "steps:\n  - id: a\n    run: echo hi: there\n", [
      "3:10: : yaml is malformed: Nested mappings are not allowed in compact mappings " +
      '(put a text that holds ": " into quotes, or write it as a block with |)',
    ]],
    ["F-10", "steps:\n\t- run: x\n", [
      "2:1: : yaml is malformed: Tabs are not allowed as indentation (indent with blanks)",
    ]],
    ["R-25", 'schedule: "@daily"\nsteps: [{run: x}]\n', [
      '1:1: schedule: invalid cron expression "@daily": @daily is written "0 0 * * *" (for example "0 3 * * *")',
    ]],
    ["A-01", "steps:\n  - action: http\n", [
      '2:5: steps[0].action: unknown action "http" (did you mean http.request?)',
    ]],
    ["A-01", "steps:\n  - action: shell\n", [
      '2:5: steps[0].action: unknown action "shell" (write run: COMMAND instead of action)',
    ]],
    ["R-39", "labels: {A B: c}\nsteps: [{run: x}]\n", [
      '1:10: labels.A B: label "a b=c" is invalid (labels are key or key=value of a-z 0-9 . _ -)',
    ]],
    ["R-14", "handler_on: {failed: {run: x}}\nsteps: [{run: x}]\n", [
      "1:14: handler_on.failed: handler_on has invalid keys: failed (use failure)",
    ]],
  ] as const
) {
  Deno.test(`parseWorkflow: ${id} what was meant is told: ${text.trim().split("\n").at(-1)}`, () => {
    assert.deepEqual(told(text), want);
  });
}

Deno.test("V-52 F-20 a notice says what was meant, or what there is", () => {
  const text = `consts: [{image: a}, {b: "\${consts.imge}"}]
steps:
  - id: build
    run: echo \${consts.imagee} \${steps.build.outputs.x} \${foreach.item} \${context.dog.name} \${context.nothing.x}
    outputs: [{name: tag}]
  - {id: test, depends: build, run: "\${steps.biuld.outputs.tag} \${steps.build.outputs.other}"}
  - {id: ship, run: "\${steps.build.outputs.tag}"}
`;
  const remedies = parseWorkflow(text, "validate").problems.filter(({ notice }) => notice === "defect").map((
    one,
  ) => one.remedy);
  assert.deepEqual(remedies, [
    "did you mean image?",
    "did you mean image?",
    "a step knows outputs of others only",
    "only the steps of a foreach know it",
    "did you mean dag?",
    "groups: dag, run, attempt, step, trigger, paths, profile, pushback",
    "did you mean build?",
    "outputs of build: tag",
    "add depends: build",
  ]);
});

for (
  const [root, step, want] of [
    ["", "action: ssh.run, with: {command: x}", ["host", "user"]],
    ["ssh: {host: h, user: u}", "action: ssh.run, with: {command: x}", []],
    ["ssh: {host: h}", "action: sftp.upload, with: {source: a, destination: b, user: u}", []],
    ["", "action: s3.list", ["bucket"]],
    ["s3: {bucket: b}", "action: s3.list", []],
    ["", "action: chat.completion, with: {prompt: x}", ["model"]],
    ["llm: {provider: local, model: m}", "action: chat.completion, with: {prompt: x}", []],
  ] as const
) {
  Deno.test(`A-02 6.5 what neither step nor root gives is told at load: ${step}, ${root}`, () => {
    const missing = told(`${root}\nsteps: [{id: a, ${step}}]\n`).map((line) =>
      / needs (\w+) \(give/.exec(line)?.[1]
    );
    assert.deepEqual(missing, want);
  });
}

Deno.test("S-14 several names in one text are a list", () => {
  assert.deepEqual(
    told("steps:\n  - {id: a, run: x}\n  - {id: b, run: x}\n  - {id: c, run: x, depends: 'a, b'}\n"),
    ['4:21: steps[2].depends[0]: depends on non-existent step "a, b" (write a list: [a, b])'],
  );
});

Deno.test("6.4 a mode keeps the digits that were written, although YAML reads them as a number", () => {
  const modeOf = (mode: string): unknown => {
    const text = `steps: [{id: a, action: file.write, with: {path: p, content: c, mode: ${mode}}}]`;
    const action = parseWorkflow(text, "load").workflow?.steps[0]?.action;
    return action !== undefined && "with" in action && action.name === "file.write" ? action.with : null;
  };
  for (const mode of ["0o644", "0644", "644", '"0o644"']) {
    assert.match(JSON.stringify(modeOf(mode)), /"mode":"?(0o|0)?644"?/, mode);
  }
});
