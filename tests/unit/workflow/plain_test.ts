import assert from "node:assert/strict";
import { readDocuments } from "../../../src/workflow/document.ts";
import { parseWorkflow } from "../../../src/workflow/parse.ts";

function valueOf(text: string): unknown {
  const read = readDocuments(text);
  assert.ok(read.ok, JSON.stringify(read));
  return read.documents[0]?.value;
}

function messagesOf(text: string): readonly string[] {
  const read = readDocuments(text);
  return read.ok ? [] : read.problems.map(({ message }) => message);
}

Deno.test("F-09 a mapping's own keys win over merged ones wherever << stands, and earlier sources over later", () => {
  const text = `
one: &one {a: 1, b: 1}
two: &two {b: 2, c: 2}
after: {<<: *one, a: own}
before: {a: own, <<: *one}
list: {<<: [*one, *two]}
quoted: {"<<": x}
`;
  assert.partialDeepStrictEqual(valueOf(text), {
    after: { a: "own", b: 1 },
    before: { a: "own", b: 1 },
    list: { a: 1, b: 1, c: 2 },
    quoted: { "<<": "x" },
  });
  assert.deepEqual(messagesOf("a: {<<: x}"), ["yaml merge key << takes a mapping or a list of mappings"]);
});

const nested = (levels: number): string => "[".repeat(levels) + "]".repeat(levels);

Deno.test("F-10 what aliases stand for counts where they stand: no deeper, and no larger", () => {
  const cases: readonly (readonly [what: string, text: string, found: RegExp])[] = [
    ["brackets", nested(150), /^yaml nests deeper than 100 levels$/],
    [
      "an alias below",
      `a: &a ${nested(60)}\nb: ${nested(60).replace("[]", "[*a]")}`,
      /nests deeper than 100/,
    ],
    [
      "the deepest of an anchor is not its last",
      `a: &a [${nested(60)}, &i [x]]\nb: ${nested(60).replace("[]", "[*a]")}`,
      /nests deeper than 100/,
    ],
    [
      "many values",
      `a: &a [${"x,".repeat(1_000)}x]\nb: [${"*a,".repeat(600)}*a]`,
      /^yaml is too large once its aliases are written out$/,
    ],
    [
      "many characters",
      `a: &a "${"x".repeat(10_000)}"\nb: [${"*a,".repeat(500)}*a]`,
      /^yaml is too large once its aliases are written out$/,
    ],
  ];
  for (const [what, text, found] of cases) {
    assert.match(messagesOf(text).join("\n"), found, what);
  }
  valueOf(`a: &a ${nested(40)}\nb: ${nested(40).replace("[]", "[*a]")}`);
});

Deno.test("F-11 of very many mistakes of syntax the first are told", () => {
  assert.equal(messagesOf("a: 1\n".repeat(40)).length, 20);
});

Deno.test("F-05 F-06 a blank name is missing, and no name that is there twice", () => {
  const steps = "steps: [{run: x}]";
  const { problems } = parseWorkflow(
    `${steps}\n---\nname: ""\n${steps}\n---\nname: ""\n${steps}\n`,
    "validate",
  );
  const told = problems.map(({ message }) => message).filter((message) => /define name|unique/.test(message));
  assert.deepEqual(told, ["document 2 must define name", "document 3 must define name"]);
});
