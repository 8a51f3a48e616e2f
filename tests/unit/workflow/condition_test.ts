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
  ["S-69 the text is no pattern", "abc", "a.c", false],
  ["S-70 unanchored", "release/1.2", "re:\\d+\\.\\d+", true],
  ["S-70 case matters", "MAIN", "re:main", false],
  ["S-70 per line", "a\nb1\nc", "re:^b\\d$", true],
  ["S-70 never across lines", "a\nb", "re:a.b", false],
  ["S-70 an empty value is one empty line", "", "re:^$", true],
  ["S-70 whole characters", "🙂", "re:^.$", true],
  ["S-70 flags for a part", "MAIN", "re:(?i:main)", true],
];
for (const [name, value, expected, want] of matches) {
  Deno.test(`matchesExpected: ${name}`, () => assert.equal(matchesExpected(value, expected), want));
}

const NOT_RE2 = "backreferences and lookaround are not supported";
const patterns: readonly [name: string, pattern: string, token: string | null][] = [
  ["empty", "", "expected regexp is empty"],
  ["does not compile", "(", "expected regexp is invalid"],
  ["lookahead", "a(?=b)", NOT_RE2],
  ["negative lookahead", "a(?!b)", NOT_RE2],
  ["lookbehind", "(?<=a)b", NOT_RE2],
  ["negative lookbehind", "(?<!a)b", NOT_RE2],
  ["backreference", "(a)\\1", NOT_RE2],
  ["named backreference", "(?<n>a)\\k<n>", NOT_RE2],
  ["a group without capture", "(?:a|b)", null],
  ["a named group", "(?<n>a)", null],
  ["an optional parenthesis before =", "f\\(?=x", null],
  ["a backslash before a digit", "\\\\1", null],
  ["a backslash, then a backreference", "(a)\\\\\\1", NOT_RE2],
  ["a class of the same characters", "[(?=!<]", null],
  ["a class that begins with an escape", "[\\](?=]", null],
  ["a lookahead after a class", "[a](?=b)", NOT_RE2],
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
