import assert from "node:assert/strict";
import { compileGlob, matchesGlob } from "../../../src/workflow/glob.ts";
import { resolveText } from "../../../src/workflow/reference.ts";

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
      outputs: {},
      context: {},
    };
    assert.equal(resolveText(`\${V${operator}}`, scope, "scope"), want);
  });
}
