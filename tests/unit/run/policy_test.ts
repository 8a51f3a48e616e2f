import assert from "node:assert/strict";
import { delayMs, type Waits } from "../../../src/run/policy.ts";
import type { Scope } from "../../../src/workflow/reference.ts";

const scope: Scope = {
  consts: {},
  params: {},
  paramsJson: "{}",
  env: { N: "4" },
  host: {},
  published: () => null,
  context: {},
};

function wait(policy: Partial<Waits>, n: number): number {
  return delayMs({ intervalSec: 1, backoff: null, maxIntervalSec: null, ...policy }, n, scope);
}

Deno.test("S-84 the waits of a policy grow up to their cap", () => {
  assert.deepEqual([0, 1, 2, 3].map((n) => wait({ backoff: 2 }, n)), [1_000, 2_000, 4_000, 8_000]);
  assert.deepEqual([0, 1, 2, 3].map((n) => wait({ backoff: 2, maxIntervalSec: 3 }, n)), [
    1_000,
    2_000,
    3_000,
    3_000,
  ]);
  assert.equal(wait({ intervalSec: "${N}" }, 5), 4_000);
});

Deno.test("S-84 a wait is a number that a date can bear, however far it has grown", () => {
  const century = 100 * 365 * 86_400_000;
  assert.equal(wait({ backoff: 1e300 }, 2), century);
  assert.equal(wait({ intervalSec: 1e15 }, 0), century);
  assert.equal(wait({ intervalSec: 0, backoff: 2 }, 2_000), 0);
  assert.equal(wait({ backoff: 1e300, maxIntervalSec: 7 }, 2), 7_000);
});
