import assert from "node:assert/strict";
import { readSubstitutions } from "../../../src/workflow/substitution.ts";

/** Texts bare, commands in brackets. */
function shape(text: string): string {
  const read = readSubstitutions(text);
  if (!read.ok) return `! ${read.message}`;
  return read.parts.map((part) => part.kind === "command" ? `[${part.text}]` : part.text).join("|");
}

const cases: readonly [name: string, text: string, want: string][] = [
  ["V-64 text without a mark is text", "echo 2", "echo 2"],
  ["V-64 the text around is kept", "v$(echo 2).0", "v|[echo 2]|.0"],
  ["V-57 both forms, each by itself", "$(a)`b`$(c)", "[a]|[b]|[c]"],
  ["V-57 nothing", "", ""],
  ["V-59 escaped parentheses", "\\$(date)", "$(date)"],
  ["V-59 escaped backticks", "\\`date\\`", "`date`"],
  ["V-12 an even number of backslashes escapes nothing", "\\\\$(date)", "\\\\|[date]"],
  ["V-12 three", "\\\\\\$(date)", "\\\\$(date)"],
  ["V-12 other backslashes stay", "a\\b \\${params.x}", "a\\b \\${params.x}"],
  ["V-59 unclosed parenthesis", "a $(echo b", "a $(echo b"],
  ["V-59 unclosed backtick", "a `echo b", "a `echo b"],
  ["V-59 an unclosed one does not hide the next", "`a $(b)", "`a |[b]"],
  ["V-59 an empty backtick pair", "a `` b", "a `` b"],
  ["V-58 nested", "$(echo $(date))", "! nested command substitution is not supported"],
  ["V-58 nested in backticks", "`echo $(date)`", "! nested command substitution is not supported"],
  ["V-58 backticks in parentheses", "$(echo `date`)", "! nested command substitution is not supported"],
  ["V-58 nested in double quotes", '$(echo "$(date)")', "! nested command substitution is not supported"],
  ["V-58 escaped inside is not nested", "$(echo \\$(date))", "[echo \\$(date)]"],
  ["V-58 arithmetic is not nested", "$(echo $((1 + 2)))", "[echo $((1 + 2))]"],
  ["V-57 a parenthesis in quotes does not close", `$(echo ')' "a)" \\))`, `[echo ')' "a)" \\)]`],
  ["V-57 a subshell", "$( (echo a; echo b) | tail -1)", "[ (echo a; echo b) | tail -1]"],
  ["V-57 an escaped backtick does not close", "`echo \\`x\\``", "[echo \\`x\\`]"],
  [
    "V-31 nothing is executed in words of operators",
    "${X:-$(date)} ${X:-`date`}",
    "${X:-$(date)} ${X:-`date`}",
  ],
  ["V-57 references inside belong to the command", "$(echo ${params.a})", "[echo ${params.a}]"],
];
for (const [name, text, want] of cases) {
  Deno.test(`readSubstitutions: ${name}`, () => assert.equal(shape(text), want));
}

Deno.test("readSubstitutions: marks that are never closed are read in bounded time", () => {
  assert.equal(shape("$(".repeat(8_000)), "$(".repeat(8_000));
  assert.match(shape("$(".repeat(9_000)), /longer than/);
});
