import assert from "node:assert/strict";
import { pickHeaders, readPayload, recordedHeaders } from "../../../../src/server/triggers/payload.ts";

const json = "application/json";
const cases: [name: string, body: string, type: string | null, want: string, id: string | null][] = [
  ["WH-10 an empty body is {}", "", json, "{}", null],
  ["WH-10 an object under payload is the payload", '{"payload":{"a":1}}', json, '{"a":1}', null],
  ["WH-10 any other object is the raw body", '{ "a": 1 }', json, '{ "a": 1 }', null],
  ["WH-10 a payload that is no object stays in the raw body", '{"payload":1}', json, '{"payload":1}', null],
  ["WH-11 dagRunId chooses the run id", '{"dagRunId":"x-1","payload":{}}', json, "{}", "x-1"],
  ["1.2 step 9 arrays are payloads", "[1]", json, "[1]", null],
  ["WH-16 no content type is read as JSON", '{"a":1}', null, '{"a":1}', null],
  [
    "WH-16 form fields become an object",
    "a=1&b=x+y",
    "application/x-www-form-urlencoded",
    '{"a":"1","b":"x y"}',
    null,
  ],
  ["WH-16 text becomes {text}", "hi", "text/plain; charset=utf-8", '{"text":"hi"}', null],
];
for (const [name, body, type, text, dagRunId] of cases) {
  Deno.test(name, () => {
    const read = readPayload(new TextEncoder().encode(body), type);
    assert.deepEqual(read, { ok: true, payload: { text, dagRunId } });
  });
}

const refusals: [name: string, body: string, type: string, code: string][] = [
  ["1.8 a body that is not JSON is bad_request", "{", json, "bad_request"],
  ["ID-02 the alias latest is refused as run id", '{"dagRunId":"latest"}', json, "bad_request"],
  ["ID-02 a run id with a slash is refused", '{"dagRunId":"a/b"}', json, "bad_request"],
  ["WH-16 another media type is refused", "x", "application/pdf", "unsupported_media_type"],
];
for (const [name, body, type, code] of refusals) {
  Deno.test(name, () => {
    const read = readPayload(new TextEncoder().encode(body), type);
    assert.equal(read.ok ? "ok" : read.code, code);
  });
}

Deno.test("WH-13 only the chosen headers are forwarded, as lists", () => {
  const headers = new Headers({ "X-A": "1", "X-B": "2" });
  assert.equal(pickHeaders(headers, ["x-a", "x-missing"]), '{"x-a":["1"]}');
});

Deno.test("1.10 a delivery record keeps no credential", () => {
  const kept = recordedHeaders(
    new Headers({ Authorization: "Bearer dagu_wh_x", "X-Hub-Signature-256": "sha256=1", "X-A": "1" }),
  );
  assert.equal(JSON.stringify(kept).includes("dagu_wh_x"), false);
  assert.equal(kept["x-hub-signature-256"], "(not kept)");
  assert.equal(kept["x-a"], "1");
});

Deno.test("1.10 the record keeps as many headers as have room", () => {
  const headers = new Headers({ a: "x".repeat(20_000), b: "x".repeat(20_000), c: "y" });
  assert.deepEqual(Object.keys(recordedHeaders(headers)), ["a"]);
  const many = new Headers(Object.fromEntries(Array.from({ length: 150 }, (_, n) => [`h${n}`, "x"])));
  assert.equal(Object.keys(recordedHeaders(many)).length, 100);
});
