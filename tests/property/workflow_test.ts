/** No text makes the language throw, and none makes it slow. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { parseWorkflow } from "../../src/workflow/parse.ts";
import { resolveText } from "../../src/workflow/reference.ts";
import { splitWords } from "../../src/workflow/words.ts";
import { anyText } from "../support/hostile-text.ts";

/** More of them than a test run has time for: docs/contributing.md. */
const INPUTS = Number(Deno.env.get("LANGUAGE_INPUTS") ?? 2_000);

Deno.test("parseWorkflow answers every text with a workflow or with problems", () => {
  fc.assert(
    fc.property(
      anyText,
      (text) => {
        const { workflow, problems } = parseWorkflow(text, "load");
        assert.equal(workflow === null, problems.some((problem) => problem.severity === "error"));
      },
    ),
    { numRuns: INPUTS },
  );
});

const HOSTILE: readonly [name: string, text: string][] = [
  ["flow nesting", "[".repeat(100_000)],
  ["block nesting", Array.from({ length: 3_000 }, (_, depth) => `${" ".repeat(depth)}a:`).join("\n")],
  ["list nesting", `${"- ".repeat(50_000)}x`],
  [
    "an alias bomb",
    `a: &a [x,x,x,x,x,x,x,x,x]\n${
      "bcdefghij".split("").map((name, index) =>
        `${name}: &${name} [${Array(9).fill(`*${"abcdefghi"[index]}`).join(",")}]`
      ).join("\n")
    }\nsteps: *j`,
  ],
  ["a huge scalar", `steps: [{id: a, run: "${"x".repeat(900_000)}"}]`],
  ["many documents", "---\n".repeat(100_000)],
  [
    "many keys",
    `env:\n${
      Array.from({ length: 50_000 }, (_, index) => `  K${index}: v`).join("\n")
    }\nsteps: [{id: a, run: x}]`,
  ],
];

for (const [name, text] of HOSTILE) {
  Deno.test(`parseWorkflow survives ${name}`, () => {
    const { workflow, problems } = parseWorkflow(text, "load");
    assert.ok(workflow !== null || problems.length > 0);
  });
}

const scope = {
  consts: {},
  params: {},
  paramsJson: "{}",
  env: { A: "x", B: "" },
  host: {},
  published: () => null,
  context: {},
};

Deno.test("V-12 V-19 resolveText never throws, and a text without a dollar is itself", () => {
  fc.assert(
    fc.property(
      fc.string({ maxLength: 60 }),
      fc.constantFrom("no", "scope", "host", "shell"),
      (text, mode) => {
        const resolved = resolveText(text, scope, mode);
        if (!text.includes("$")) assert.equal(resolved, text);
      },
    ),
    { numRuns: INPUTS },
  );
  fc.assert(
    fc.property(fc.stringMatching(/^[\\$A{}:#%'-]{0,24}$/), (text) => {
      resolveText(text, scope, "scope");
    }),
    { numRuns: INPUTS },
  );
});

Deno.test("2.12.4 words that were quoted come back as they were", () => {
  const quote = (word: string): string => `'${word.replaceAll("'", `'"'"'`)}'`;
  fc.assert(fc.property(fc.array(fc.string({ maxLength: 12 }), { maxLength: 6 }), (words) => {
    assert.deepEqual(splitWords(words.map(quote).join(" ")), { ok: true, words });
  }));
});
