import assert from "node:assert/strict";
import { parseWorkflow } from "../../../src/workflow/parse.ts";
import type { GitTrigger } from "../../../src/workflow/trigger.ts";

const written = (git: Readonly<Record<string, unknown>>): string =>
  JSON.stringify({ triggers: [{ git: { event: "push", ...git } }], steps: [{ id: "a", run: "true" }] });

function readGit(git: Readonly<Record<string, unknown>>): GitTrigger {
  const { workflow, problems } = parseWorkflow(written(git), "load");
  const [trigger] = workflow?.triggers ?? [];
  assert.ok(trigger, JSON.stringify(problems));
  return trigger.git;
}

const paths: readonly [given: string, want: string][] = [
  ["./src/**", "src/**"],
  ["././src/**", "src/**"],
  ["!./docs/**", "!docs/**"],
  [".github/**", ".github/**"],
  ["../src", "../src"],
  ["a/./b", "a/./b"],
];
for (const [given, want] of paths) {
  Deno.test(`triggers: 2.13 paths ${given} is ${want}`, () =>
    assert.deepEqual(readGit({ paths: given }).paths, [want]));
}

Deno.test("triggers: 2.13 a branch keeps its leading ./", () => {
  assert.deepEqual(readGit({ branch: "./x" }).branch, ["./x"]);
});

const refused: readonly [field: string, glob: string, tokens: readonly string[]][] = [
  ["tag", "v{1..3}", ["{1..3}", "{1,2,3}"]],
  ["branch", "{a..c}", ["{a..c}"]],
  ["tag", "v{x,{01..10..2}}", ["{01..10..2}"]],
  ["paths", "!src/{-1..3}/**", ["{-1..3}"]],
  ["tag", "v[[:digit:]]", ["[:digit:]", "[0-9]"]],
  ["branch", "x[![:space:]]*", ["[:space:]"]],
  ["repo", "acme/[_[:alpha:]-]*", ["[:alpha:]", "[A-Za-z]"]],
];
for (const [field, glob, tokens] of refused) {
  Deno.test(`triggers: FG-51 ${field} ${glob} is refused`, () => {
    const { workflow, problems } = parseWorkflow(written({ [field]: glob }), "load");
    assert.equal(workflow, null, "it was accepted");
    const told = problems.map((one) => `${one.path} ${one.message} ${one.remedy}`).join("\n");
    for (const token of [`git.${field}`, ...tokens]) assert.ok(told.includes(token), `${token} in ${told}`);
  });
}

for (
  const glob of ["{1..3,7}", "\\{1..3}", "{a..}", "[{1..3}]", "[\\[:digit:]", "[a:]", "{1...3}", "v1..v3"]
) {
  Deno.test(`triggers: FG-51 ${glob} is taken`, () =>
    assert.deepEqual(readGit({ branch: glob }).branch, [glob]));
}

for (
  const [given, want] of [["true", "on"], ["false", "off"], ['"false"', "off"], [
    "required",
    "required",
  ]] as const
) {
  Deno.test(`triggers: FG-73 FG-74 status: ${given}`, () => {
    const text = `triggers: [{git: {event: push}, status: ${given}}]\nsteps: [{id: a, run: "true"}]`;
    assert.equal(parseWorkflow(text, "load").workflow?.triggers[0]?.status, want);
  });
}
