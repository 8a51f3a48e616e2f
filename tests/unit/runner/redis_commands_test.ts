import assert from "node:assert/strict";
import { milliseconds } from "../../../src/runner/actions/redis-commands.ts";

Deno.test("6.6 a time to live is a whole number of milliseconds, and never none", () => {
  assert.deepEqual([1, 0.25, 0.0004, 0.0015].map(milliseconds), ["1000", "250", "1", "2"]);
});
