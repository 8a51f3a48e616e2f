import assert from "node:assert/strict";
import { parseDotenv } from "../../../src/workflow/dotenv.ts";

const ENV = { HOME: "/home/me", K: "outer" };

const read: readonly [name: string, text: string, want: Record<string, string>][] = [
  ["K=V", "A=1\nB=two words \n", { A: "1", B: "two words" }],
  ["export", "export A=1\n  export\tB=2", { A: "1", B: "2" }],
  ["comments and blank lines", "# head\n\n  # more\nA=1 # tail\nB=a#b\nC=#c", { A: "1", B: "a#b", C: "" }],
  ["an empty value", "A=\nB=''\nC=\"\"", { A: "", B: "", C: "" }],
  ["blanks around =", "A = 1", { A: "1" }],
  ["the value may hold =", "A=b=c", { A: "b=c" }],
  ["single quotes are literal", "A='$K \\n ${K} \"#'", { A: '$K \\n ${K} "#' }],
  ["double quotes have escapes", 'A="a\\nb\\t\\"c\\" \\\\ \\x"', { A: 'a\nb\t"c" \\ \\x' }],
  ["double quotes keep a #", 'A="a # b" # c', { A: "a # b" }],
  ["quoted values over lines", "A='x\ny'\nB=\"p\nq\"\nC=1", { A: "x\ny", B: "p\nq", C: "1" }],
  ["references to the environment", 'A=${HOME}/x\nB="${HOME}"', { A: "/home/me/x", B: "/home/me" }],
  ["references to the same file win", 'K=inner\nA=${K}\nB="[${K}]"', {
    K: "inner",
    A: "inner",
    B: "[inner]",
  }],
  ["a reference to a later line sees the environment", "A=${K}\nK=inner", { A: "outer", K: "inner" }],
  ["an unknown reference is nothing", "A=[${NOPE}]", { A: "[]" }],
  ["an escaped reference", 'A="\\${K}"', { A: "${K}" }],
  ["a dollar without braces is a character", "A=pa$K", { A: "pa$K" }],
  ["what was inserted is not looked at again", "A='${K}'\nB=${A}", { A: "${K}", B: "${K}" }],
  ["the last of one name", "A=1\nA=2", { A: "2" }],
  ["line breaks of Windows and a mark at the start", "\uFEFFA=1\r\nB='x'\r\n", { A: "1", B: "x" }],
  ["nothing", "", {}],
];
for (const [name, text, want] of read) {
  Deno.test(`parseDotenv: P-34 ${name}`, () => {
    const parsed = parseDotenv(text, ENV);
    assert.deepEqual(parsed.ok ? { ...parsed.values } : parsed.message, want);
  });
}

const malformed: readonly [name: string, text: string, line: number][] = [
  ["no =", "A=1\nB", 2],
  ["no name", "=1", 1],
  ["a name that is none", "\n2A=1", 2],
  ["an open quote", "A=1\nB='x\ny", 2],
  ["text after a quote", 'A="x"y', 1],
];
for (const [name, text, line] of malformed) {
  Deno.test(`parseDotenv: P-31 malformed: ${name}`, () => {
    const parsed = parseDotenv(text, ENV);
    assert.match(parsed.ok ? "" : parsed.message, new RegExp(`^line ${line} `));
  });
}

Deno.test("parseDotenv: P-37 a complaint does not quote the line, which may be a secret", () => {
  const parsed = parseDotenv("TOKEN hunter2", {});
  assert.ok(!parsed.ok && !parsed.message.includes("hunter2"));
});
