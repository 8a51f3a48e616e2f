import assert from "node:assert/strict";
import { newCapture } from "../../../src/run/output.ts";

Deno.test("S-51 a capture holds as many bytes as its limit, and nothing of more", () => {
  const capture = newCapture(4);
  capture.add(new TextEncoder().encode(" ab"));
  capture.add(new TextEncoder().encode("\n"));
  assert.deepEqual([capture.isOverLimit, capture.text()], [false, "ab"]);
  capture.add(new TextEncoder().encode("c"));
  assert.deepEqual([capture.isOverLimit, capture.text()], [true, ""]);
});
