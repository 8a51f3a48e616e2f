/** A control plane that somebody else has taken over hands out what leads out of the runner's folders (7.13). */
import assert from "node:assert/strict";
import * as v from "valibot";
import { Grant } from "../../../src/protocol/grant.ts";
import { newGrant } from "../../support/runner-bench.ts";

const SPEC = 'steps: [{id: a, run: "true"}]';

for (const name of ["w", "A.b_c-1", "x".repeat(40)]) {
  Deno.test(`ID-01 a runner takes a run of ${name}`, async () => {
    const grant = await newGrant(SPEC);
    assert.ok(v.is(Grant, { ...grant, run: { ...grant.run, name } }));
  });
}

for (const name of ["..", ".", "", "../../etc", "/etc", "a/b", "a\\b", "a\0b", "x".repeat(41)]) {
  Deno.test(`ID-01 a runner takes no run of ${JSON.stringify(name)}, after which it would call a folder`, async () => {
    const grant = await newGrant(SPEC);
    assert.equal(v.is(Grant, { ...grant, run: { ...grant.run, name } }), false);
  });
}

for (const name of ["../../x", "/x", "A/B", "", "A=B", "BASH_FUNC_x%%"]) {
  Deno.test(`WH-17 a runner takes no input ${JSON.stringify(name)}, after which it would call a file`, async () => {
    const grant = await newGrant(SPEC);
    const input = { digest: `sha256:${"0".repeat(64)}`, sizeBytes: 1 };
    assert.ok(v.is(Grant, { ...grant, inputs: [{ ...input, name: "WEBHOOK_PAYLOAD" }] }));
    assert.equal(v.is(Grant, { ...grant, inputs: [{ ...input, name }] }), false);
  });
}
