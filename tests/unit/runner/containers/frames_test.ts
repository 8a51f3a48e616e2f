import assert from "node:assert/strict";
import fc from "fast-check";
import { StreamError } from "../../../../src/runner/containers/api/error.ts";
import { type Piece, rawPieces, splitFrames } from "../../../../src/runner/containers/api/frames.ts";

interface Frame {
  readonly stream: 1 | 2;
  readonly bytes: Uint8Array;
}

function encode(frames: readonly Frame[]): Uint8Array {
  return new Uint8Array(frames.flatMap(({ stream, bytes }) => {
    const header = new Uint8Array(8);
    header[0] = stream;
    new DataView(header.buffer).setUint32(4, bytes.length);
    return [...header, ...bytes];
  }));
}

/** The bytes in pieces of the given sizes, taken in turn. */
async function* cut(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes.length === 0 ? bytes.length : sizes[turn % sizes.length] ?? 1;
    yield bytes.subarray(at, at + size);
    at += size;
    await Promise.resolve();
  }
}

async function collect(pieces: AsyncIterable<Piece>): Promise<{ stdout: number[]; stderr: number[] }> {
  const all = { stdout: [] as number[], stderr: [] as number[] };
  for await (const { stream, bytes } of pieces) all[stream].push(...bytes);
  return all;
}

const anyFrame: fc.Arbitrary<Frame> = fc.record({
  stream: fc.constantFrom(1 as const, 2 as const),
  bytes: fc.uint8Array({ maxLength: 40 }),
});

Deno.test("4.6.2 frames come out byte-exact and apart, wherever the transport cuts them", async () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 6 });
  await fc.assert(fc.asyncProperty(fc.array(anyFrame, { maxLength: 12 }), sizes, async (frames, cuts) => {
    const got = await collect(splitFrames(cut(encode(frames), cuts), "test"));
    const want = (stream: 1 | 2): number[] =>
      frames.filter((frame) => frame.stream === stream).flatMap((frame) => [...frame.bytes]);
    assert.deepEqual(got, { stdout: want(1), stderr: want(2) });
  }));
});

Deno.test("4.6.5 a large frame is passed on in the pieces that arrive, never gathered", async () => {
  const bytes = encode([{ stream: 1, bytes: new Uint8Array(1_000) }]);
  const lengths: number[] = [];
  for await (const piece of splitFrames(cut(bytes, [100]), "test")) lengths.push(piece.bytes.length);
  assert.equal(Math.max(...lengths), 100);
  assert.equal(lengths.reduce((sum, length) => sum + length, 0), 1_000);
});

Deno.test("a stream that ends inside a header or a payload is broken, and what came is kept", async () => {
  const whole = encode([{ stream: 2, bytes: new TextEncoder().encode("abcdef") }]);
  for (const [length, kept] of [[3, ""], [8, ""], [11, "abc"]] as const) {
    let seen = "";
    await assert.rejects(async () => {
      for await (const piece of splitFrames(cut(whole.subarray(0, length), [2]), "test")) {
        seen += new TextDecoder().decode(piece.bytes);
      }
    }, (error) => error instanceof StreamError && error.error.kind === "broken");
    assert.equal(seen, kept);
  }
});

Deno.test("a header that is none is not guessed at", async () => {
  const text = new TextEncoder().encode("plain text, no frames");
  await assert.rejects(
    () => collect(splitFrames(cut(text, []), "test")),
    (error) => error instanceof StreamError && error.error.kind === "foreign",
  );
});

Deno.test("5.3.3 a terminal's bytes are stdout as they are", async () => {
  const bytes = new Uint8Array([1, 0, 0, 0, 0, 0, 0, 9, 255]);
  assert.deepEqual(await collect(rawPieces(cut(bytes, [4]))), { stdout: [...bytes], stderr: [] });
});
