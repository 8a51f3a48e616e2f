import assert from "node:assert/strict";
import { isSignedBy, signatureOf } from "../../../../src/server/triggers/signature.ts";

const body = new TextEncoder().encode("Hello, World!");
const secret = "It's a Secret to Everybody";
/** The vector that GitHub publishes for its own signature. */
const good = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

const cases: [name: string, header: string | null, want: boolean][] = [
  ["WH-22 the published vector is accepted", good, true],
  ["WH-22 upper-case hex digits are accepted", good.toUpperCase().replace("SHA256", "sha256"), true],
  ["WH-26 a missing signature is refused", null, false],
  ["WH-26 an empty signature is refused", "", false],
  ["WH-26 another algorithm is refused", good.replace("sha256", "sha1"), false],
  ["WH-26 hex without its scheme is refused", good.slice(7), false],
  ["WH-26 a digit too few is refused", good.slice(0, -1), false],
  ["WH-26 a digit too many is refused", `${good}0`, false],
  ["WH-26 a wrong last digit is refused", `${good.slice(0, -1)}8`, false],
];
for (const [name, header, want] of cases) {
  Deno.test(name, async () => assert.equal(await isSignedBy(secret, body, header), want));
}

Deno.test("WH-22 what signatureOf makes is what isSignedBy takes", async () => {
  assert.equal(await signatureOf(secret, body), good);
  assert.equal(await isSignedBy("another secret", body, good), false);
});
