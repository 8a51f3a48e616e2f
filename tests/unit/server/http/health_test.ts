/** How a runner is shown by how long it has been silent (LO-08). */
import assert from "node:assert/strict";
import { healthOf } from "../../../../src/server/http/api/access.ts";
import type { ListedRunner } from "../../../../src/server/store/runners.ts";

const NOW = Date.UTC(2026, 3, 2);
const RUNNER = {
  id: "r",
  name: "r",
  labels: {},
  capacity: 1,
  state: "active",
  held: false,
  version: "1",
  engine: null,
  free: 1,
  clockOffsetMs: 0,
} as const;

const cases: [silentMs: number | null, want: string][] = [
  [0, "healthy"],
  [29_999, "healthy"],
  [30_000, "warning"],
  [74_999, "warning"],
  [75_000, "unhealthy"],
  [null, "unhealthy"],
];
for (const [silentMs, want] of cases) {
  Deno.test(`LO-08 a runner that was ${silentMs === null ? "never heard" : `silent for ${silentMs} ms`} is ${want}`, () => {
    const lastSeenAt = silentMs === null ? null : new Date(NOW - silentMs);
    assert.equal(healthOf({ ...RUNNER, lastSeenAt } as ListedRunner, NOW), want);
  });
}
