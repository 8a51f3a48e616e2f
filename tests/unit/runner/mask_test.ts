import assert from "node:assert/strict";
import fc from "fast-check";
import { MASK, maskSink, newMask, newStreamMask, registrySecrets } from "../../../src/runner/mask.ts";

const SECRET = "s3cr3t-välue+1";

function throughSplits(values: readonly string[], bytes: Uint8Array, cuts: readonly number[]): string {
  const mask = newStreamMask(newMask(values));
  const out: number[] = [];
  let from = 0;
  for (const cut of [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b)) {
    out.push(...mask.add(bytes.subarray(from, cut)));
    from = cut;
  }
  out.push(...mask.end());
  return new TextDecoder().decode(new Uint8Array(out));
}

const FORMS: readonly [string, string][] = [
  ["raw", SECRET],
  ["JSON", JSON.stringify(SECRET).slice(1, -1)],
  ["URL", encodeURIComponent(SECRET)],
  ["base64, first alignment", btoa("s3cr3t-value+1" + "tail")],
  ["base64, second alignment", btoa("x" + "s3cr3t-value+1" + "tail")],
  ["base64, third alignment", btoa("xx" + "s3cr3t-value+1" + "tail")],
];
for (const [name, form] of FORMS) {
  Deno.test(`MK-02 a value is hidden in its ${name} form`, () => {
    const mask = newMask([SECRET, "s3cr3t-value+1"]);
    assert.ok(mask.text(`a ${form} b`).includes(MASK));
  });
}

Deno.test("MK-02 each line of a value with several lines is hidden", () => {
  assert.equal(newMask(["first line 1\nsecond line 2"]).text("x second line 2 y"), `x ${MASK} y`);
});

Deno.test("MK-02 values below six characters are left alone", () => {
  assert.equal(newMask(["abc"]).text("abcdef"), "abcdef");
});

Deno.test("MK-03 a value is found wherever the chunks are cut, and nothing else changes", () => {
  const text = fc.array(fc.constantFrom("s3cr3t", "s3cr3t-v", SECRET, "longer-" + SECRET, "x", "\n", "ä"));
  fc.assert(fc.property(text, fc.array(fc.nat(), { maxLength: 20 }), (parts, cuts) => {
    const values = [SECRET, "longer-" + SECRET];
    const whole = parts.join("");
    const want = whole.replaceAll("longer-" + SECRET, MASK).replaceAll(SECRET, MASK);
    assert.equal(throughSplits(values, new TextEncoder().encode(whole), cuts), want);
  }));
});

Deno.test("MK-03 without values every byte passes at once", async () => {
  const got: Uint8Array[] = [];
  const sink = maskSink({ write: (_stream, bytes) => Promise.resolve(void got.push(bytes)) }, newMask([]));
  const chunk = new Uint8Array([1, 2, 255]);
  await sink.write("stdout", chunk);
  assert.deepEqual(got, [chunk]);
  await sink.end();
  assert.equal(got.length, 1);
});

Deno.test("MK-03 what is held back comes at the end of the step", async () => {
  const got: string[] = [];
  const sink = maskSink(
    {
      write: (stream, bytes) =>
        Promise.resolve(void got.push(`${stream}:${new TextDecoder().decode(bytes)}`)),
    },
    newMask([SECRET]),
  );
  await sink.write("stderr", new TextEncoder().encode("go s3cr3t"));
  assert.deepEqual(got, ["stderr:go "]);
  await sink.end();
  assert.deepEqual(got, ["stderr:go ", "stderr:s3cr3t"]);
});

Deno.test("MK-01 registry passwords are secrets, in both spellings", () => {
  const config = JSON.stringify({
    auths: { "r:5000": { auth: btoa("me:pass:word") }, "s:5000": { password: "other" } },
  });
  assert.deepEqual(registrySecrets(config).filter((value) => value !== ""), [
    btoa("me:pass:word"),
    "pass:word",
    "other",
  ]);
  assert.deepEqual(registrySecrets("not json"), []);
  assert.deepEqual(registrySecrets(null), []);
});
