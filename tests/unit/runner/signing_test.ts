import assert from "node:assert/strict";
import { readKeys, signatureProblem, type Signing } from "../../../src/runner/signing.ts";
import { newStepState } from "../../../src/run/state.ts";
import { parseWorkflow } from "../../../src/workflow/parse.ts";
import { digestOfText, type Signed, signedBytes, withSignature } from "../../../src/workflow/signature.ts";
import { newGrant } from "../../support/runner-bench.ts";

const SPEC = `
params: [{name: WHERE, default: here}]
steps:
  - {id: a, run: "true", output: TAKEN}
  - {id: b, run: "true", approval: {prompt: ok, input: [WHO]}}
`;
const FREE = 'steps: [{id: a, run: "true"}]\n';

interface Bench {
  readonly signing: Signing;
  sign(text: string, params?: "any" | "declared"): Promise<string>;
}

async function openBench(): Promise<Bench> {
  const pair = await crypto.subtle.generateKey({ name: "Ed25519" }, true, ["sign", "verify"]);
  const { x } = await crypto.subtle.exportKey("jwk", pair.publicKey);
  const keys = await readKeys(JSON.stringify({ keys: [{ kty: "OKP", crv: "Ed25519", kid: "k", x }] }));
  assert.ok(keys);
  return {
    signing: { mode: "block", keys, maxRollbackMs: null },
    sign: async (text, params = "any") => {
      const signed: Signed = {
        v: 1,
        alg: "Ed25519",
        workspace: "default",
        fileName: "flow",
        digest: await digestOfText(text),
        baseDigest: "",
        keyId: "k",
        signedAt: "2026-01-01T00:00:00Z",
        allow: { params },
      };
      const bytes = await crypto.subtle.sign({ name: "Ed25519" }, pair.privateKey, signedBytes(signed));
      return withSignature(text, { ...signed, value: new Uint8Array(bytes).toBase64() });
    },
  };
}

async function problemOf(
  { signing }: Bench,
  yaml: string,
  change: Parameters<typeof newGrant>[1] = {},
): Promise<string | null> {
  const { workflow } = parseWorkflow(yaml, "load");
  assert.ok(workflow);
  return await signatureProblem(signing, await newGrant(yaml, change), workflow, Date.UTC(2026, 5));
}

const given = (values: Record<string, string>) => ({
  params: { values, json: JSON.stringify(values), given: Object.keys(values) },
});
const step = (name: string) => ({
  ...newStepState("a"),
  variables: { [name]: "x" },
  children: [],
  notes: [],
  waiting: null,
  pushBacks: [],
});
const sentBack = (name: string) => ({
  ...step("TAKEN"),
  pushBacks: [{ by: "p", at: 1, attempt: 1, inputs: { [name]: "x" } }],
});

Deno.test("SG-06 nothing that a run brings along becomes code", async () => {
  const bench = await openBench();
  const [signed, free] = [await bench.sign(SPEC), await bench.sign(FREE)];
  const good: [string, Parameters<typeof newGrant>[1]][] = [
    [signed, {}],
    [signed, given({ WHERE: "there" })],
    [signed, { env: { DAGU_EVENT: "push", DAGU_EVENT_SHA: "abc" } }],
    [signed, { inputs: [{ name: "WEBHOOK_PAYLOAD", digest: "sha256:0", sizeBytes: 2 }] }],
    [signed, { resume: [step("TAKEN")] }],
    [signed, { resume: [step("WHO")] }],
    [signed, { resume: [sentBack("WHO")] }],
    [free, given({ ANY: "x", "1": "y" })],
  ];
  for (const [yaml, change] of good) {
    assert.equal(await problemOf(bench, yaml, change), null, JSON.stringify(change));
  }
  const bad: [string, Parameters<typeof newGrant>[1], string][] = [
    [signed, { env: { BASH_ENV: "/tmp/x" } }, "BASH_ENV"],
    [signed, { env: { DAGU_EVENTS: "x" } }, "DAGU_EVENTS"],
    [signed, { inputs: [{ name: "LD_PRELOAD", digest: "sha256:0", sizeBytes: 2 }] }, "LD_PRELOAD"],
    [signed, { resume: [step("PATH")] }, "PATH"],
    [signed, { resume: [sentBack("BASH_ENV")] }, "BASH_ENV"],
    [free, given({ BASH_ENV: "/tmp/x" }), "BASH_ENV"],
    [free, given({ LD_PRELOAD: "/tmp/x" }), "LD_PRELOAD"],
    [free, given({ TAR_OPTIONS: "--checkpoint-action=exec=x" }), "TAR_OPTIONS"],
    [free, given({ _JAVA_OPTIONS: "-javaagent:x" }), "_JAVA_OPTIONS"],
    [free, given({ HOME: "/tmp/x" }), "HOME"],
    [free, given({ "BASH_FUNC_echo%%": "() { evil; }" }), "BASH_FUNC_echo%%"],
  ];
  for (const [yaml, change, name] of bad) {
    assert.match(String(await problemOf(bench, yaml, change)), new RegExp(`brings the variable "${name}"`));
  }
});

Deno.test("SG-04 signed for declared parameters: names and values as the declarations make them", async () => {
  const bench = await openBench();
  const signed = await bench.sign(SPEC, "declared");
  assert.equal(await problemOf(bench, signed, given({ WHERE: "there" })), null);
  const lies = { values: { WHERE: "elsewhere" }, json: '{"WHERE":"there"}', given: ["WHERE"] };
  assert.match(String(await problemOf(bench, signed, { params: lies })), /not what their declarations make/);
  const more = { values: { WHERE: "there", MORE: "x" }, json: '{"WHERE":"there"}', given: [] };
  assert.match(String(await problemOf(bench, signed, { params: more })), /MORE is not declared/);
  const free = await bench.sign(FREE, "declared");
  assert.match(String(await problemOf(bench, free, given({ ANY: "x" }))), /ANY is not declared/);
});

const PARTS = `${FREE}---\nname: inner\nsteps: [{id: b, run: "true"}]\n`;
const names: [as: string, text: string, document: string, isGood: boolean][] = [
  ["flow", FREE, "", true],
  ["other", FREE, "", false],
  ["told", `name: told\n${FREE}`, "", true],
  ["flow", `name: told\n${FREE}`, "", true],
  ["other", `name: told\n${FREE}`, "", false],
  ["inner", PARTS, "inner", true],
  ["inner", PARTS, "", false],
  ["inner", FREE, "", false],
];

for (const [name, text, document, isGood] of names) {
  Deno.test(`SG-03 what was signed as flow is ${isGood ? "" : "not "}executed as ${name}: ${JSON.stringify(text)}`, async () => {
    const bench = await openBench();
    const yaml = await bench.sign(text);
    const grant = await newGrant(yaml);
    const problem = await problemOf(bench, yaml, {
      run: { ...grant.run, name },
      definition: { ...grant.definition, document },
    });
    assert.equal(problem, isGood ? null : `the definition was signed as flow, and the run is one of ${name}`);
  });
}
