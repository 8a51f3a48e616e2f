import assert from "node:assert/strict";
import { writeBytes } from "../../../src/cli/command.ts";

const BYTES = new TextEncoder().encode("abcdef");

Deno.test("writeBytes: C-02 goes on until everything is written", () => {
  let written = "";
  writeBytes({
    writeSync: (bytes) => {
      written += new TextDecoder().decode(bytes.subarray(0, 2));
      return Math.min(2, bytes.length);
    },
  }, BYTES);
  assert.equal(written, "abcdef");
});

Deno.test("writeBytes: C-01 a reader that has gone is no failure, anything else is", () => {
  const failing = (error: Error) => ({
    writeSync: (): number => {
      throw error;
    },
  });
  writeBytes(failing(new Deno.errors.BrokenPipe("gone")), BYTES);
  assert.throws(() => writeBytes(failing(new Error("disk full")), BYTES), /disk full/);
});
