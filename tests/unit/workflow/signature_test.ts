import assert from "node:assert/strict";
import { withBase } from "../../../src/workflow/base.ts";
import { parseWorkflow } from "../../../src/workflow/parse.ts";
import {
  digestOfBase,
  digestOfText,
  partsOf,
  type Signature,
  signedBytes,
  withSignature,
} from "../../../src/workflow/signature.ts";

const SIGNATURE: Signature = {
  v: 1,
  alg: "Ed25519",
  workspace: "default",
  fileName: "deploy",
  digest: "sha256:00",
  baseDigest: "",
  keyId: "k1",
  signedAt: "2026-01-01T00:00:00Z",
  allow: { params: "any" },
  value: "AAAA",
};
const OWN = 'steps: [{id: a, run: "true"}]\n';

Deno.test("SG-01 the signed bytes are canonical JSON without the value, whatever the order of the keys", () => {
  const { value: _, ...signed } = SIGNATURE;
  const reversed = Object.fromEntries(Object.entries(signed).reverse()) as typeof signed;
  const text = new TextDecoder().decode(signedBytes(signed));
  assert.equal(
    text,
    '{"alg":"Ed25519","allow":{"params":"any"},"baseDigest":"","digest":"sha256:00","fileName":"deploy",' +
      '"keyId":"k1","signedAt":"2026-01-01T00:00:00Z","v":1,"workspace":"default"}',
  );
  assert.equal(new TextDecoder().decode(signedBytes(reversed)), text);
});

Deno.test("SG-02 SG-04 a text carries its signature and its base behind itself, and gives both back", async () => {
  const base = { env: [{ REGION: "eu" }] };
  const whole = withBase(withSignature(OWN, SIGNATURE), base);
  const { own, base: carried, signature } = partsOf(whole);
  assert.deepEqual([own, signature], [OWN, SIGNATURE]);
  assert.equal(await digestOfText(carried ?? ""), await digestOfBase(base));
  const { workflow, problems } = parseWorkflow(whole, "load");
  assert.deepEqual(problems, []);
  assert.deepEqual(workflow?.env, [{ name: "REGION", value: "eu" }]);
  assert.deepEqual(Object.keys(workflow?.locals ?? {}), []);
  assert.deepEqual(partsOf(withBase(OWN, base)), { own: OWN, base: carried, signature: null });
  assert.deepEqual(partsOf(OWN), { own: OWN, base: null, signature: null });
  assert.equal(
    withSignature(withSignature(OWN, SIGNATURE), { ...SIGNATURE, keyId: "k2" }),
    withSignature(OWN, SIGNATURE),
  );
});

Deno.test("SG-04 whatever stands behind, between or before what is carried is of the text that was signed", () => {
  const signature = `--- !dagu-signature ${JSON.stringify(SIGNATURE)}\n`;
  const base = '--- !dagu-base {"env":[]}\n';
  const evil = "---\nname: evil\nsteps: []\n";
  const cases: [string, string][] = [
    ["a document behind the signature", `${OWN}${signature}${evil}`],
    ["a document behind the base", `${OWN}${signature}${base}${evil}`],
    ["a document between them", `${OWN}${signature}${evil}${base}`],
    ["a document before them", `${OWN}${evil}${signature}`],
    ["a second signature", `${OWN}${signature}${signature}`],
    ["a second base", `${OWN}${signature}${base}${base}`],
    ["a base before the signature", `${OWN}${base}${signature}`],
    ["a comment behind", `${OWN}${signature}# more\n`],
    ["a line end of another kind", `${OWN}${signature.trimEnd()}\r${evil}`],
    ["a base in several lines", `${OWN}${signature}--- !dagu-base\nenv: []\n`],
  ];
  for (const [name, text] of cases) assert.notEqual(partsOf(text).own, OWN, name);
});

Deno.test("SG-01 a signature that is none is no signature", () => {
  for (const wrong of ["{}", "not json", JSON.stringify({ ...SIGNATURE, alg: "none" })]) {
    assert.equal(partsOf(`${OWN}--- !dagu-signature ${wrong}\n`).signature, null);
  }
});
