import assert from "node:assert/strict";
import { newReplacementWatch, newTextLength } from "../../../../src/runner/containers/text-log.ts";

const bytes = (...values: number[]): Uint8Array => new Uint8Array(values);
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Lengths as Docker 20.10 logged these. */
const CASES: [name: string, pieces: Uint8Array[], want: number][] = [
  ["text is as long as it is", [encode("a é € 😀\n")], 14],
  ["a byte that is never UTF-8", [bytes(0x61, 0xff, 0x0a)], 5],
  ["all 256 bytes", [Uint8Array.from({ length: 256 }, (_, byte) => byte)], 512],
  ["a character cut short by another", [bytes(0xe2, 0x82, 0x41)], 7],
  ["a character that never ends, line feed included", [bytes(0xf0, 0x9f, 0x98, 0x0a)], 10],
  ["surrogates and overlong forms are three bytes each of them", [bytes(0xed, 0xa0, 0x80, 0xc0, 0xaf)], 15],
  ["a character in two reads", [bytes(0xc3), bytes(0xa9)], 2],
  ["the first half of a character counts as it is", [bytes(0xc3)], 1],
  ["a character on the edge of a piece of 16 KiB", [encode("a" + "é".repeat(20_000) + "\n")], 40_002 + 8],
  ["characters that end on the edge", [encode("é".repeat(20_000) + "\n")], 40_001],
  ["a new line is a new piece", [encode("a" + "é".repeat(8_000) + "\n"), encode("é".repeat(8_000))], 32_002],
];

for (const [name, pieces, want] of CASES) {
  Deno.test(`F65 length in a log that is text: ${name}`, () => {
    const length = newTextLength();
    for (const piece of pieces) length.add(piece);
    assert.equal(length.bytes, want);
  });
}

Deno.test("F65 U+FFFD is found across reads, and nothing else is taken for it", () => {
  const watch = newReplacementWatch();
  watch.add(bytes(0xef, 0xef, 0xbf, 0xbc, 0xef, 0xbf));
  assert.equal(watch.hasSeen, false);
  watch.add(bytes(0xbd, 0x41));
  assert.equal(watch.hasSeen, true);
});
