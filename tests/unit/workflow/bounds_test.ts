import assert from "node:assert/strict";
import { findExcess } from "../../../src/workflow/bounds.ts";

const CASES: readonly (readonly [what: string, text: string, found: RegExp | null])[] = [
  ["a text that is too long", "a".repeat(1_048_577), /larger than 1048576 characters/],
  ["too many tokens", "- a\n".repeat(200_000), /more than 400000 tokens/],
  ["too many documents", "a: 1\n---\n".repeat(1_001), /more than 1000 documents/],
  ["too many documents that are empty", "---\n".repeat(100_000), /more than 1000 documents/],
  ["too many levels", "[".repeat(300), /nests deeper than 100 levels/],
  ["as many documents as there may be", "---\na: 1\n".repeat(1_000), null],
  ["lines of a text that look like documents", `a: |\n${"  ---\n".repeat(2_000)}`, null],
];

for (const [what, text, found] of CASES) {
  Deno.test(`findExcess: ${what}`, () => {
    const excess = findExcess(text);
    if (found === null) assert.equal(excess, null);
    else assert.match(excess ?? "", found);
  });
}
