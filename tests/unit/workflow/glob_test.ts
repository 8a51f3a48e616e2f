import assert from "node:assert/strict";
import { compileGlob, matchesGlob } from "../../../src/workflow/glob.ts";
import { matchesGlobs } from "../../../src/workflow/match.ts";
import { resolveText } from "../../../src/workflow/reference.ts";

const globs: readonly [name: string, globs: readonly string[], value: string, want: boolean][] = [
  ["an empty list matches", [], "main", true],
  ["plain text", ["main"], "main", true],
  ["case matters", ["Main"], "main", false],
  ["any of a list", ["main", "release/*"], "release/1", true],
  ["* stays within a segment", ["release/*"], "release/1/2", false],
  ["** does not", ["release/**"], "release/1/2", true],
  ["? is one character", ["v?"], "v1", true],
  ["? is never /", ["a?b"], "a/b", false],
  ["classes", ["v[0-9]*"], "v1.2", true],
  ["alternatives", ["{main,next}"], "next", true],
  ["a dot is a dot", ["a.b"], "axb", false],
  ["hidden files too", ["**"], ".github/ci.yml", true],
  ["** also matches no folder", ["**/*.md"], "README.md", true],
  ["! excludes", ["**", "!**/*.md"], "docs/a.md", false],
  ["the last match decides", ["**", "!docs/**", "docs/keep.md"], "docs/keep.md", true],
  ["the order matters", ["docs/keep.md", "!docs/**"], "docs/keep.md", false],
  ["only exclusions begin with everything", ["!docs/**"], "api/main.ts", true],
  ["only exclusions still exclude", ["!docs/**"], "docs/a.md", false],
  ["an exclusion beside others implies nothing", ["main", "!next"], "dev", false],
  ["parentheses are text", ["app/(auth)/**"], "app/(auth)/page.tsx", true],
  ["parentheses are no group", ["a(b|c)"], "ab", false],
  ["a bar is text", ["a|b"], "a|b", true],
  ["plus signs are text", ["c++"], "c++", true],
  ["no extended globs", ["+(a)"], "aa", false],
  ["an escaped star is a star", ["a\\*"], "ab", false],
  ["a bot's name", ["!dependabot[bot]"], "dependabot[bot]", false],
  ["** below a folder is not the folder", ["docs/**"], "docs", false],
  ["** between folders", ["src/**/*.ts"], "src/a/b/c.ts", true],
  ["** between folders takes none", ["src/**/*.ts"], "src/c.ts", true],
  ["** between folders keeps their names whole", ["src/**/*.ts"], "srcs/c.ts", false],
  ["** within a name takes anything", ["a**z"], "a/b/z", true],
  ["*** is **", ["***"], "a/b", true],
  ["a negated class is never /", ["a[!x]b"], "a/b", false],
  ["a range", ["v[1-3]"], "v4", false],
  ["alternatives within alternatives", ["{a,{b,c}}/x"], "c/x", true],
  ["alternatives have globs", ["{**/*.ts,*.md}"], "a/b.ts", true],
  ["an alternative may be empty", ["a{,b}c"], "ac", true],
  ["alternatives end where the brace does", ["{a,b}c"], "a", false],
  ["an unclosed brace is text", ["{a,b"], "{a,b", true],
  ["an unclosed bracket is text", ["a[b*"], "a[bc", true],
  ["an empty glob is an empty value", [""], "a", false],
  ["a character beyond the first plane is one", ["?"], "🚀", true],
  ["what nobody waits for to the end", [`${"*a".repeat(40)}b`], "a".repeat(4_000), false],
  ["a lone exclamation mark excludes only nothing", ["!"], "main", true],
];
for (const [name, list, value, want] of globs) {
  Deno.test(`matchesGlobs: FG-51 ${name}`, () => assert.equal(matchesGlobs(list, value), want));
}

const cases: readonly [name: string, glob: string, value: string, want: boolean][] = [
  ["an escaped bracket is in the class", "a[\\]]", "a]", true],
  ["an escaped bracket does not end the class", "a[\\]b]", "ab", true],
  ["a class ends at the next bracket", "a[\\]]b", "a]b", true],
  ["an escaped hyphen is a hyphen", "[a\\-z]", "-", true],
  ["an escaped hyphen makes no range", "[a\\-z]", "m", false],
  ["an escaped backslash is one", "[\\\\]", "\\", true],
  ["the escape itself is not in the class", "[\\]]", "\\", false],
  ["ranges may end at an escaped character", "[+-\\]]", "A", true],
  ["a class whose end is escaped is not closed", "[a\\]", "[a]", true],
  ["an escaped exclamation mark is a character", "[\\!a]", "!", true],
  ["a class may hold a comma and a brace", "{[,}],b}", ",", true],

  ["** after a brace that ends in /", "{a/,}**/b", "a/b", true],
  ["** after a brace that may be empty", "{a/,}**/b", "b", true],
  ["** after a brace takes folders", "{a/,}**/b", "a/x/y/b", true],
  ["** after a brace keeps names whole", "{a/,}**/b", "a/xb", false],
  ["** after a brace in a name is no segment", "x{a,}**/b", "xb", false],
  ["** after a brace in a name takes anything", "x{a,}**/b", "x/b", true],
  ["** as the last alternative", "{a,**}/b", "b", true],
  ["** as the first alternative", "{**,a}/b", "b", true],
  ["** as an alternative takes folders", "{a,**}/b", "x/y/b", true],
  ["the other alternative keeps its slash", "{a,**}/b", "ab", false],
  ["** as an alternative behind a folder", "a/{**,c}/b", "a/b", true],
  ["** in nested alternatives", "{x,{a/,}**}/b", "b", true],
  ["a comma outside braces is text", "a,**/b", "a,b", false],
  ["a comma outside braces begins no segment", "a,**/b", "a,x/b", true],
  ["an escaped comma is text", "{a\\,b,c}", "a,b", true],
  ["an escaped comma divides nothing", "{a\\,b,c}", "b", false],
  ["an escaped slash is a slash", "a\\/**/b", "a/b", true],
  ["* as an alternative beside * is not **", "{a,*}*", "a/b", false],
  ["** and * beside it", "**{x,*}/b", "a/b", true],
  ["** twice", "**/**/b", "b", true],
  ["** below ** of alternatives", "{a/**,**}/**/b", "a/b", true],
  ["** takes a leading slash", "**/b", "/b", true],
  ["many alternatives cost no more than their length", "{a,b}".repeat(100), "ab".repeat(50), true],
  ["many alternatives end where they end", "{a,b}".repeat(100), "ab".repeat(49), false],
  ["half a character beyond the first plane", "?", "\ud800", true],
];
for (const [name, glob, value, want] of cases) {
  Deno.test(`matchesGlob: FG-51 ${name}`, () => {
    assert.equal(matchesGlob(glob, value), want, `${glob} over ${value}`);
  });
}

Deno.test("compileGlob: FG-51 one compiled glob answers for many values", () => {
  const matches = compileGlob("src/**/*.{ts,tsx}");
  const values = ["src/a.ts", "src/a/b.tsx", "lib/a.ts", "src/a.js", "src/a.ts"];
  assert.deepEqual(values.map(matches), [true, true, false, false, true]);
});

const operators: readonly [value: string, operator: string, want: string][] = [
  ["]x", "#[\\]]", "x"],
  ["-x", "#[a\\-z]", "x"],
  ["mx", "#[a\\-z]", "mx"],
];
for (const [value, operator, want] of operators) {
  Deno.test(`operators: V-32 ${operator} of ${value}`, () => {
    const scope = {
      consts: {},
      params: {},
      paramsJson: "{}",
      env: { V: value },
      host: {},
      published: () => null,
      context: {},
    };
    assert.equal(resolveText(`\${V${operator}}`, scope, "scope"), want);
  });
}
