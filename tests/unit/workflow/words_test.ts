import assert from "node:assert/strict";
import { splitWords } from "../../../src/workflow/words.ts";

const cases: readonly [name: string, text: string, want: readonly string[]][] = [
  ["nothing", "", []],
  ["blanks alone", " \t\n ", []],
  ["blanks separate", "  a  b\tc\nd ", ["a", "b", "c", "d"]],
  ["operators are ordinary words", "echo a > b | c && d; e", [
    "echo",
    "a",
    ">",
    "b",
    "|",
    "c",
    "&&",
    "d;",
    "e",
  ]],
  ["nothing is expanded", "$HOME *.ts ~ `x` $(y)", ["$HOME", "*.ts", "~", "`x`", "$(y)"]],
  ["single quotes group", "a 'b  c' d", ["a", "b  c", "d"]],
  ["double quotes group", 'a "b  c" d', ["a", "b  c", "d"]],
  ["quotes join what they touch", `a'b'"c"d`, ["abcd"]],
  ["an empty quote is an empty word", `'' "" a`, ["", "", "a"]],
  ["a quote of the other kind is text", `"it's" 'a"b'`, ["it's", 'a"b']],
  ["a backslash takes the next character", "a\\ b \\'c \\\\", ["a b", "'c", "\\"]],
  ["not in single quotes", "'a\\nb\\'", ["a\\nb\\"]],
  ['in double quotes only before \\ " $ and `', '"\\\\ \\" \\$ \\` \\n"', ['\\ " $ ` \\n']],
  ["a last backslash is itself", "a\\", ["a\\"]],
  ["a comment sign is a word", "a # b", ["a", "#", "b"]],
];
for (const [name, text, want] of cases) {
  Deno.test(`splitWords: 2.12.4 ${name}`, () =>
    assert.deepEqual(splitWords(text), { ok: true, words: want }));
}

const unclosed: readonly [text: string, quote: string][] = [["a 'b", "'"], ['a "b', '"'], ['"a\\"', '"'], [
  "a'",
  "'",
]];
for (const [text, quote] of unclosed) {
  Deno.test(`splitWords: 2.12.4 ${JSON.stringify(text)} has a quote that is not closed`, () => {
    const got = splitWords(text);
    assert.ok(
      !got.ok && got.message.includes(`the quote ${quote} is not closed`) && got.message.includes(text),
    );
  });
}

Deno.test("splitWords: the answer quotes no more of a long text than a line", () => {
  const got = splitWords(`'${"x".repeat(10_000)}`);
  assert.ok(!got.ok && got.message.length < 120);
});
