import assert from "node:assert/strict";
import { newLineCutter } from "../../../src/run/lines.ts";

Deno.test("lines are the same wherever the pieces of their text were cut", () => {
  const text = "one\n\ntwo\nthr\nee";
  for (let size = 1; size <= text.length; size++) {
    const cutter = newLineCutter();
    const lines: string[] = [];
    for (let at = 0; at < text.length; at += size) lines.push(...cutter.add(text.slice(at, at + size)));
    assert.deepEqual(lines, ["one", "", "two", "thr"], `pieces of ${size}`);
    assert.equal(cutter.end(), "ee");
    assert.equal(cutter.end(), "");
  }
});

Deno.test("a line may be taken before its end", () => {
  const cutter = newLineCutter();
  assert.deepEqual(cutter.add("abc"), []);
  assert.equal(cutter.end(), "abc");
  assert.deepEqual(cutter.add("d\ne"), ["d"]);
  assert.equal(cutter.end(), "e");
});
