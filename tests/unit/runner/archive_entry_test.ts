import assert from "node:assert/strict";
import { segmentsOf } from "../../../src/runner/actions/archive-entry.ts";

Deno.test("6.5 the name of an archive's entry leads nowhere but below its folder", () => {
  assert.deepEqual(segmentsOf("./a//b/./c"), ["a", "b", "c"]);
  for (const name of ["/a", "a/../b", "..", "C:/a", "c:\\a", "a\0b"]) {
    assert.throws(() => segmentsOf(name), /leads outside/, JSON.stringify(name));
  }
});
