import assert from "node:assert/strict";
import { matchesExpected, validateExpected, validatePattern } from "../../../src/workflow/condition.ts";

const matches: readonly [name: string, value: string, expected: string, want: boolean][] = [
  ["S-69 equal", "main", "main", true],
  ["S-69 case matters", "Main", "main", false],
  ["S-69 nothing is trimmed", "main ", "main", false],
  ["S-69 a part is not enough", "mainline", "main", false],
  ["S-69 any line", "a\nb", "b", true],
  ["S-69 but not both at once", "a\nb", "a\nb", false],
  ["S-69 empty matches only empty", "", "", true],
  ["S-69 empty against text", "", "x", false],
  ["S-69 a line break at the end begins no line", "a\n", "", false],
  ["S-69 a blank line is a line", "a\n\n", "", true],
  ["S-69 a line break alone is a blank line", "\n", "", true],
  ["S-69 the text is no pattern", "abc", "a.c", false],
  ["S-70 unanchored", "release/1.2", "re:\\d+\\.\\d+", true],
  ["S-70 case matters", "MAIN", "re:main", false],
  ["S-70 per line", "a\nb1\nc", "re:^b\\d$", true],
  ["S-70 never across lines", "a\nb", "re:a.b", false],
  ["S-70 an empty value is one empty line", "", "re:^$", true],
  ["S-70 whole characters", "🙂", "re:^.$", true],
  ["S-70 flags for a part", "MAIN", "re:(?i:main)", true],
  ["S-70 flags for all", "MAIN", "re:(?i)main", true],
  ["S-70 a dot takes a carriage return", "a\rb", "re:^a.b$", true],
  ["S-70 POSIX classes", "v12", "re:^[[:alpha:]][[:digit:]]+$", true],
  ["S-70 ends of text", "main", "re:\\Amain\\z", true],
  ["S-70 quoted", "a.b", "re:^\\Qa.b\\E$", true],
  ["S-70 quoted is not a pattern", "axb", "re:^\\Qa.b\\E$", false],
  ["S-70 Unicode classes", "Ωmega", "re:^\\p{Greek}\\pL+$", true],
  ["S-70 whitespace is ASCII", "\u00a0", "re:\\s", false],
];
for (const [name, value, expected, want] of matches) {
  Deno.test(`matchesExpected: ${name}`, () => assert.equal(matchesExpected(value, expected), want));
}

const INVALID = "expected regexp is invalid";
const patterns: readonly [name: string, pattern: string, token: string | null][] = [
  ["empty", "", "expected regexp is empty"],
  ["does not compile", "(", INVALID],
  ["lookahead", "a(?=b)", INVALID],
  ["negative lookahead", "a(?!b)", INVALID],
  ["lookbehind", "(?<=a)b", INVALID],
  ["negative lookbehind", "(?<!a)b", INVALID],
  ["backreference", "(a)\\1", INVALID],
  ["named backreference", "(?<n>a)\\k<n>", INVALID],
  ["a repeat of a repeat", "a**", INVALID],
  ["a possessive repeat", "a++", INVALID],
  ["a class that is not closed", "[a", INVALID],
  ["an unknown class", "[[:letter:]]", INVALID],
  ["more than 1000 times", "a{1001}", INVALID],
  ["an escape of another engine", "\\h", INVALID],
  ["a group without capture", "(?:a|b)", null],
  ["a named group", "(?<n>a)", null],
  ["a named group as Go writes it", "(?P<n>a)", null],
  ["flags for the rest", "(?i)a", null],
  ["an optional parenthesis before =", "f\\(?=x", null],
  ["a backslash before a digit", "\\\\1", null],
  ["a backslash, then a backreference", "(a)\\\\\\1", INVALID],
  ["a class of the same characters", "[(?=!<]", null],
  ["a class that begins with an escape", "[\\](?=]", null],
  ["a lookahead after a class", "[a](?=b)", INVALID],
];
for (const [name, pattern, token] of patterns) {
  Deno.test(`validateExpected: S-70 ${name}`, () => {
    const told = validateExpected(`re:${pattern}`);
    if (token === null) assert.equal(told, null);
    else assert.ok(told?.includes(token), told ?? "accepted");
  });
}

Deno.test("validateExpected: S-69 a text without re: is never a pattern", () => {
  assert.equal(validateExpected("("), null);
  assert.equal(validateExpected(""), null);
});

Deno.test("validatePattern: the answer begins with what was checked", () => {
  assert.ok(validatePattern("(", "pattern")?.startsWith("pattern is invalid"));
});

Deno.test("matchesExpected: S-70 a pattern that others try for ever costs the length of the text", () => {
  assert.equal(matchesExpected(`${"a".repeat(50_000)}b`, "re:^(a+)+$"), false);
});

Deno.test("matchesExpected: S-69 a line break alone is two empty lines, and no text", () => {
  assert.equal(matchesExpected("\n", ""), true);
  assert.equal(matchesExpected("\n", "re:."), false);
  assert.equal(matchesExpected("a\n", ""), false);
});
