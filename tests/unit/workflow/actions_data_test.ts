/** What `with` of the actions for data and for waiting may hold (workflow-language contract 6.4, 6.5). */
import assert from "node:assert/strict";
import { readCall } from "../../../src/workflow/named-action.ts";
import type { NamedAction } from "../../../src/workflow/actions/names.ts";

type Given = Readonly<Record<string, unknown>>;

const REFUSED: readonly (readonly [NamedAction, Given, RegExp])[] = [
  ["data.convert", { from: "json", to: "yaml" }, /either data or input is required/],
  [
    "data.convert",
    { from: "json", to: "yaml", data: "1", input: "f" },
    /data and input are mutually exclusive/,
  ],
  ["data.convert", { from: "json", to: "xml", data: "1" }, /must be one of: json, yaml, csv, tsv, text/],
  [
    "data.convert",
    { from: "csv", to: "json", data: "", delimiter: ";;" },
    /delimiter must be a single character/,
  ],
  ["data.convert", { from: "csv", to: "json", data: "", delimiter: '"' }, /must not be a quote/],
  ["data.pick", { from: "json", data: "1" }, /select/],
  [
    "data.pick",
    { from: "json", data: "1", select: ".a", raw: true, to: "yaml" },
    /raw and to exclude each other/,
  ],
  ["jq.filter", { data: "1" }, /filter/],
  ["jq.filter", { filter: "." }, /either data or input is required/],
  ["jq.filter", { filter: ".", data: "1", input: "f" }, /mutually exclusive/],
  ["wait.duration", {}, /duration/],
  ["wait.duration", { duration: "0s" }, /above zero/],
  ["wait.duration", { duration: 5 }, /above zero/],
  ["wait.duration", { duration: "soon" }, /above zero/],
  ["wait.until", { until: "tomorrow" }, /RFC 3339/],
  ["wait.until", { until: "2026-13-01T00:00:00Z" }, /calendar/],
  ["wait.until", { until: "2026-02-30 00:00:00Z" }, /calendar/],
  ["wait.file", { path: "f", state: "gone" }, /exists, missing/],
  ["wait.file", { path: "f", poll_interval: "0s" }, /above zero/],
  ["wait.http", { url: "example.com" }, /absolute/],
  ["wait.http", { url: "http://h", status: 99 }, /from 100 to 599/],
  ["http.request", { url: "ftp://x/y" }, /absolute http or https address/],
  ["http.request", { url: "/relative" }, /absolute http or https address/],
  ["http.request", { url: "http://h", timeout: -1 }, /must be seconds or a duration/],
  ["http.request", { url: "http://h", timeout: 86_401 }, /one day at most/],
  ["outputs.write", { values: ["a"] }, /values must be a non-empty mapping/],
  ["outputs.write", { values: {} }, /values must be a non-empty mapping/],
  ["state.set", { key: "k" }, /value: is required/],
];

Deno.test("A-02 actions for data and waiting: what is refused", async (t) => {
  for (const [name, given, expected] of REFUSED) {
    await t.step(`${name} ${JSON.stringify(given)}`, () => {
      const read = readCall(name, given);
      assert.ok(!read.ok);
      assert.match(read.message, expected);
    });
  }
});

const TAKEN: readonly (readonly [NamedAction, Given, Given])[] = [
  ["wait.duration", { duration: "1m30s" }, { duration: 90_000 }],
  ["wait.until", { until: "2026-08-01T09:00:00+02:00" }, { until: Date.parse("2026-08-01T07:00:00Z") }],
  ["wait.file", { path: "f" }, { state: "exists", poll_interval: 1_000 }],
  ["wait.http", { url: "https://h/p", status: "204" }, {
    method: "GET",
    status: 204,
    poll_interval: 1_000,
    request_timeout: 10_000,
  }],
  ["data.convert", { from: "CSV", to: "json", data: "", delimiter: "\\t", has_header: "false" }, {
    from: "csv",
    delimiter: "\t",
    has_header: false,
  }],
  ["jq.filter", { filter: ".", data: { a: 1 }, raw: "true" }, { data: { a: 1 }, raw: true }],
  ["http.request", { url: "http://h/p", timeout: "1m30s" }, { timeout: 90 }],
  ["http.request", { url: " http://h/p\n" }, { method: "GET", url: "http://h/p" }],
  ["state.set", { key: "k", value: null }, { value: null, scope: "dag" }],
  ["state.diff", { key: "k", value: null }, { value: null, update: false }],
];

Deno.test("A-03 actions for data and waiting: what they take", async (t) => {
  for (const [name, given, expected] of TAKEN) {
    await t.step(`${name} ${JSON.stringify(given)}`, () => {
      const read = readCall(name, given);
      assert.ok(read.ok);
      const taken: Given = { ...read.call.with };
      for (const [key, value] of Object.entries(expected)) assert.deepEqual(taken[key], value, key);
    });
  }
});
