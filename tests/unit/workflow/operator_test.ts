import assert from "node:assert/strict";
import { resolveText, type Scope } from "../../../src/workflow/reference.ts";

function scope(env: Record<string, string>): Scope {
  return { consts: {}, params: {}, paramsJson: "{}", env, host: {}, published: () => null, context: {} };
}

const trims: readonly [name: string, value: string, operator: string, want: string][] = [
  ["shortest prefix", "a/b/c", "#*/", "b/c"],
  ["longest prefix", "a/b/c", "##*/", "c"],
  ["shortest suffix", "a.tar.gz", "%.*", "a.tar"],
  ["longest suffix", "a.tar.gz", "%%.*", "a"],
  ["no match", "abc", "#x", "abc"],
  ["a prefix is at the start", "abc", "#b", "abc"],
  ["a suffix is at the end", "abc", "%b", "abc"],
  ["all of it", "abc", "#abc", ""],
  ["shortest of a star is nothing", "abc", "#*", "abc"],
  ["longest of a star is everything", "abc", "##*", ""],
  ["stars between", "abcbd", "#a*b", "cbd"],
  ["as far as they go", "abcbd", "##a*b", "d"],
  ["a question mark is a whole character", "🙂b", "#?", "b"],
  ["a class", "b1", "#[abc]", "1"],
  ["a range", "7x", "%[w-z]", "7"],
  ["not in a class", "b1", "%[!a-z]", "b"],
  ["not, in the other spelling", "b1", "%[^a-z]", "b"],
  ["a class that begins with its end", "]x", "#[]a]", "x"],
  ["a hyphen at the end of a class", "-x", "#[a-]", "x"],
  ["an escaped star", "*ab", "#\\*", "ab"],
  ["an escaped star is no star", "xab", "##\\*", "xab"],
  ["nothing of a regular expression", "a.b", "#a+", "a.b"],
  ["lines are characters too", "a\nb", "##*\n", "b"],
  ["an empty value", "", "##*", ""],
  ["V-32 an unclosed class changes nothing", "[x", "#[", "[x"],
  ["V-32 a backwards range changes nothing", "bx", "#[z-a]", "bx"],
  ["V-32 a last backslash changes nothing", "\\x", "#\\", "\\x"],
];
for (const [name, value, operator, want] of trims) {
  Deno.test(`operators: 2.7 ${name}`, () => {
    assert.equal(resolveText(`\${V${operator}}`, scope({ V: value }), "scope"), want);
  });
}

const slices: readonly [expression: string, want: string][] = [
  ["${V:0}", "abcdef"],
  ["${V:2}", "cdef"],
  ["${V:2:2}", "cd"],
  ["${V:-2}", "abcdef"],
  ["${V: -2}", "ef"],
  ["${V: -4:2}", "cd"],
  ["${V:1:-1}", "bcde"],
  ["${V:99}", ""],
  ["${V:4:99}", "ef"],
  ["${V: -99:2}", "ab"],
  ["${V:4:-4}", ""],
  ["${V:2:0}", ""],
];
for (const [expression, want] of slices) {
  Deno.test(`operators: 2.7 substring ${expression}`, () => {
    assert.equal(resolveText(expression, scope({ V: "abcdef" }), "scope"), want);
  });
}

const kept: readonly [name: string, text: string, want: string][] = [
  [
    "V-29 whatever the operator",
    "${U:-x} ${U+x} ${U#x} ${U%x} ${U:1} ${#U} ${U:=x}",
    "${U:-x} ${U+x} ${U#x} ${U%x} ${U:1} ${#U} ${U:=x}",
  ],
  ["V-30 an assignment in another's word", "${E:-${E:=x}} ${E:-y} $V", "${E:-${E:=x}} ${E:-y} v"],
  ["V-30 an escaped assignment does not count", "\\${E:=x} ${E:-y}", "${E:=x} y"],
  ["V-30 an assignment that has nothing to do", "${V:=x} ${E:-y}", "v y"],
  ["V-31 references in a pattern", "${P#$V}", "/x"],
  ["V-31 no command in a word runs", "${E:-$(id) `id`}", "$(id) `id`"],
  ["V-33 unknown operators", "${V@Q} ${V^^} ${V/v/x} ${V,}", "${V@Q} ${V^^} ${V/v/x} ${V,}"],
  ["V-33 names match exactly", "$v ${v} $V", "$v ${v} v"],
  ["V-33 malformed", "${V:x} ${#V:-x} ${ ${V:", "${V:x} ${#V:-x} ${ ${V:"],
];
for (const [name, text, want] of kept) {
  Deno.test(`operators: ${name}`, () => {
    assert.equal(resolveText(text, scope({ V: "v", E: "", P: "v/x" }), "scope"), want);
  });
}

Deno.test("operators: T-13 as a person writes them", () => {
  assert.equal(
    resolveText(
      "${EMPTY:-none}|${UNSET_Q:-none}|${FILE%%.*}|${FILE##*.}|${#FILE}|${FILE:0:6}",
      scope({ EMPTY: "", FILE: "report.tar.gz" }),
      "scope",
    ),
    "none|${UNSET_Q:-none}|report|gz|13|report",
  );
});

Deno.test("operators: V-33 operators nested without end stay as written", () => {
  const text = "${E:-".repeat(20_000) + "x" + "}".repeat(20_000);
  assert.equal(resolveText(text, scope({ E: "" }), "scope").length > 0, true);
  const few = "${E:-".repeat(10) + "x" + "}".repeat(10);
  assert.equal(resolveText(few, scope({ E: "" }), "scope"), "x");
});

/** Each would take minutes if its cost were the square of its length. */
const large: readonly [name: string, text: string, value: string][] = [
  ["a text of nothing but openings", "${".repeat(400_000), "x"],
  ["a text of nothing but escapes", "\\$V".repeat(300_000), "x"],
  ["the longest prefix of a large value", "${V##*/}", "x".repeat(800_000)],
  ["the shortest suffix of a large value", "${V%/*}", "x".repeat(800_000)],
];
for (const [name, text, value] of large) {
  Deno.test(`operators: 2.7 ${name} costs its length`, () => {
    assert.equal(resolveText(text, scope({ V: value }), "scope").length > 0, true);
  });
}
