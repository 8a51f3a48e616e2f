import assert from "node:assert/strict";
import { elapsed } from "../../../src/run/elapsed.ts";

Deno.test("a duration is rounded once: no minute has sixty seconds", () => {
  const start = "2026-01-01T00:00:00.000Z";
  const after = (ms: number): string => elapsed(start, new Date(Date.parse(start) + ms).toISOString());
  const rows: [number, string][] = [
    [0, "0.0 s"],
    [1_240, "1.2 s"],
    [59_949, "59.9 s"],
    [59_950, "1 m 0 s"],
    [119_600, "2 m 0 s"],
    [184_000, "3 m 4 s"],
    [3_599_600, "1 h 0 m"],
    [90_000_000, "25 h 0 m"],
  ];
  for (const [ms, text] of rows) assert.equal(after(ms), text);
  assert.equal(elapsed(start, "-"), "");
});
