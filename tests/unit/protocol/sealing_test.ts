import assert from "node:assert/strict";
import * as v from "valibot";
import {
  isUsable,
  newPrivateKey,
  publicHalf,
  PublicKey,
  sealTo,
  unseal,
} from "../../../src/protocol/sealing.ts";

const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));

Deno.test("SC-06 what is sealed to a key opens with it, in its context, whatever the text", async () => {
  const key = await newPrivateKey();
  for (const text of ["", "s3cr3t", "line\nline\r\n", "\ufeffüß🙂\u0000", "x".repeat(65_536)]) {
    const sealed = await sealTo(publicHalf(key), text, "attempt-1", random);
    assert.equal(await unseal(key, sealed, "attempt-1"), text);
  }
});

Deno.test("SC-06 another key, another context or a changed byte opens nothing", async () => {
  const [key, other] = [await newPrivateKey(), await newPrivateKey()];
  const sealed = await sealTo(publicHalf(key), "s3cr3t", "attempt-1", random);
  assert.equal(await unseal(other, sealed, "attempt-1"), null);
  assert.equal(await unseal(key, sealed, "attempt-2"), null);
  const bytes = Uint8Array.fromBase64(sealed.ct);
  bytes[0] = (bytes[0] ?? 0) ^ 1;
  assert.equal(await unseal(key, { ...sealed, ct: bytes.toBase64() }, "attempt-1"), null);
  assert.equal(await unseal(key, { ...sealed, ct: "not base64!" }, "attempt-1"), null);
  assert.equal(await unseal(key, { ...sealed, epk: publicHalf(other) }, "attempt-1"), null);
});

Deno.test("SC-06 the same text is sealed differently each time, and shows nothing of itself", async () => {
  const key = publicHalf(await newPrivateKey());
  const [one, two] = [await sealTo(key, "s3cr3t", "a", random), await sealTo(key, "s3cr3t", "a", random)];
  assert.notEqual(one.ct, two.ct);
  assert.notDeepEqual(one.epk, two.epk);
  assert.doesNotMatch(JSON.stringify(one), /s3cr3t|"d"/);
});

Deno.test("M1 a key that is no point of the curve is not sealed to", async () => {
  const key = publicHalf(await newPrivateKey());
  assert.equal(await isUsable(key), true);
  assert.equal(await isUsable({ ...key, x: "A".repeat(43) }), false);
  for (const wrong of [{ ...key, x: "short" }, { ...key, crv: "P-384" }, { kty: "RSA" }]) {
    assert.equal(v.is(PublicKey, wrong), false);
  }
});
