import assert from "node:assert/strict";
import { parseWorkflow } from "../../../src/workflow/parse.ts";
import type { Condition } from "../../../src/workflow/workflow.ts";

const STEPS = "\nsteps: [{id: a, run: x}]\n";

const read: readonly [name: string, written: string, want: readonly Condition[]][] = [
  ["one text", '"test -e x"', [{ kind: "command", command: "test -e x", negate: false }]],
  ["a list of texts", "[one, two]", [
    { kind: "command", command: "one", negate: false },
    { kind: "command", command: "two", negate: false },
  ]],
  ["a command, inverted", "[{condition: x, negate: true}]", [{
    kind: "command",
    command: "x",
    negate: true,
  }]],
  ["a match", '[{condition: "${params.X}", expected: "re:^v"}]', [
    { kind: "match", condition: "${params.X}", expected: "re:^v", negate: false },
  ]],
  ["a match with nothing", '[{condition: "", expected: ""}]', [
    { kind: "match", condition: "", expected: "", negate: false },
  ]],
  ["an eval", '[{eval: "$(cat f)", expected: up, negate: false}]', [
    { kind: "eval", condition: "$(cat f)", expected: "up", negate: false },
  ]],
  ["null is absent", "[{condition: x, expected: null, eval: null}]", [
    { kind: "command", command: "x", negate: false },
  ]],
  ["nothing", "[]", []],
];
for (const [name, written, want] of read) {
  Deno.test(`preconditions: S-66 ${name}`, () => {
    const { workflow, problems } = parseWorkflow(`preconditions: ${written}${STEPS}`, "validate");
    assert.deepEqual(workflow?.preconditions, want, problems.map((problem) => problem.message).join("; "));
  });
}

const SHAPE = "precondition must be a string or an array of strings";
const refused: readonly [name: string, written: string, token: string][] = [
  ["S-66 a mapping", "{condition: x}", SHAPE],
  ["S-66 a number", "5", SHAPE],
  ["S-66 a number in the list", "[5]", SHAPE],
  ["S-66 a list in the list", "[[x]]", SHAPE],
  ["S-66 an unknown key", "[{command: x}]", "precondition has invalid key: command"],
  ["S-66 a condition that is no text", "[{condition: 5}]", "precondition value must be a string"],
  [
    "S-66 an expected that is no text",
    "[{condition: x, expected: true}]",
    "precondition value must be a string",
  ],
  ["S-66 an eval that is no text", "[{eval: [x], expected: x}]", "precondition value must be a string"],
  ["S-66 negate as text", "[{condition: x, negate: 'yes'}]", "precondition negate must be a boolean"],
  ["S-67 both", "[{condition: x, eval: y, expected: z}]", "only one of condition or eval is allowed"],
  ["S-67 neither", "[{expected: z}]", "condition or eval is required"],
  ["S-67 an empty mapping", "[{}]", "condition or eval is required"],
  ["S-67 an empty command", '[""]', "condition or eval is required"],
  ["S-67 eval alone", "[{eval: x}]", "expected is required when eval is set"],
  ["S-70 an empty pattern", '[{condition: x, expected: "re:"}]', "expected regexp is empty"],
  ["S-70 a bad pattern", '[{condition: x, expected: "re:("}]', "expected regexp is invalid"],
  ["S-70 a bad pattern of an eval", '[{eval: x, expected: "re:a(?=b)"}]', "expected regexp is invalid"],
];
for (const [name, written, token] of refused) {
  for (const where of ["root", "step"] as const) {
    Deno.test(`preconditions refuse: ${name} (${where})`, () => {
      const yaml = where === "root"
        ? `preconditions: ${written}${STEPS}`
        : `steps: [{id: a, run: x, preconditions: ${written}}]`;
      const { workflow, problems } = parseWorkflow(yaml, "validate");
      assert.equal(workflow, null);
      const told = problems.map((problem) => `${problem.path}: ${problem.message}`).join("\n");
      assert.ok(told.includes(token), `${told} should tell ${token}`);
      assert.ok(told.includes("preconditions"), told);
    });
  }
}
