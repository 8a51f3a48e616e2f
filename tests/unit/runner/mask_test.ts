import assert from "node:assert/strict";
import fc from "fast-check";
import type { RunEventBody } from "../../../src/run/event.ts";
import {
  MASK,
  maskJournal,
  maskSink,
  newMask,
  newStreamMask,
  registrySecrets,
} from "../../../src/runner/mask.ts";

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
  ["JSON in ASCII", "s3cr3t-v\\u00e4lue+1"],
  ["URL", encodeURIComponent(SECRET)],
  ["form", "s3cr3t-v%C3%A4lue%2B1"],
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

/** What is told of an event while these are secrets. */
async function told(body: RunEventBody, secrets: readonly string[]): Promise<RunEventBody> {
  const events: RunEventBody[] = [];
  const journal = {
    event: (event: RunEventBody) => Promise.resolve(void events.push(event)),
    log: () => Promise.resolve(),
  };
  await maskJournal(journal, newMask(secrets)).event(body);
  const [event] = events;
  assert.ok(event);
  return event;
}

const logs = { stdout: 170_001, stderr: 0 };
const OUTPUT = {
  type: "step.output",
  step: "succeeded",
  data: { kind: "declared", name: "stdout", value: "" },
} as const;

Deno.test("MK-04 a container's name is masked, its step's is not", async () => {
  const data = {
    engine: "docker",
    address: "unix:///d",
    id: "0123456789ab",
    image: "alpine",
    digest: "",
  } as const;
  const started: RunEventBody = {
    type: "container.started",
    step: "deploy-9",
    data: { ...data, name: "x-deploy-9" },
  };
  assert.deepEqual(await told(started, ["deploy-9"]), { ...started, data: { ...data, name: `x-${MASK}` } });
});

Deno.test("MK-04 a secret that is a word or a number of ours hides nothing but itself", async () => {
  const secrets = ["step.finished", "succeeded", "stdout", "170001", "declared", "COMMAND_FAILED"];
  const error = { code: "COMMAND_FAILED", message: "got 170001", remedy: "" } as const;
  const end: RunEventBody = {
    type: "step.finished",
    step: "succeeded",
    data: { status: "failed", exitCode: 170_001, error, logs },
  };
  assert.deepEqual(await told(end, secrets), {
    ...end,
    data: { ...end.data, error: { ...error, message: `got ${MASK}` } },
  });
  assert.deepEqual(await told({ ...OUTPUT, data: { ...OUTPUT.data, value: "170001" } }, secrets), {
    ...OUTPUT,
    data: { ...OUTPUT.data, value: MASK },
  });
});

Deno.test("MK-04 a value in JSON in an output is hidden, whatever JSON makes of it", async () => {
  const secret = 'qu"ote\\and\nline-of-it';
  const value = JSON.stringify({ token: secret, other: [1, secret] });
  const event = await told({ ...OUTPUT, data: { ...OUTPUT.data, value } }, [secret]);
  assert.equal(
    event.type === "step.output" ? event.data.value : "",
    `{"token":"${MASK}","other":[1,"${MASK}"]}`,
  );
});

Deno.test("MK-04 a note that grows by what hides a value is cut as any other", async () => {
  const message = "abcdef".repeat(682);
  const event = await told({ type: "note", data: { level: "warn", message } }, ["abcdef"]);
  assert.equal(event.type === "note" ? event.data.message : "", MASK.repeat(682).slice(0, 4096));
});
