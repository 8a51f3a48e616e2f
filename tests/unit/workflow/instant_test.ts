import assert from "node:assert/strict";
import { readInstant } from "../../../src/workflow/instant.ts";

for (
  const [text, expected] of [
    ["2026-04-02T08:30:00Z", "2026-04-02T08:30:00.000Z"],
    ["2026-04-02T08:30:00+02:00", "2026-04-02T06:30:00.000Z"],
    ["2026-04-02t08:30:00.25z", "2026-04-02T08:30:00.250Z"],
    ["2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z"],
    ["2026-02-29T00:00:00Z", null],
    ["2026-02-31T00:00:00Z", null],
    ["2026-13-01T00:00:00Z", null],
    ["2026-00-01T00:00:00Z", null],
    ["2026-04-02T23:59:59Z", "2026-04-02T23:59:59.000Z"],
    ["2026-04-02T24:00:00Z", null],
    ["2026-04-02T25:00:00Z", null],
    ["2026-06-30T23:59:60Z", null],
    ["2026-04-02T08:30:00", null],
    ["2026-04-02 08:30:00Z", null],
    ["2026-04-02", null],
    ["tomorrow", null],
    ["", null],
  ] as const
) {
  Deno.test(`readInstant: 8.3 RFC 3339 and nothing else: "${text}"`, () => {
    const time = readInstant(text);
    assert.equal(time === null ? null : new Date(time).toISOString(), expected);
  });
}
