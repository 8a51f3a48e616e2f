/** What `with` of the actions for files may hold (workflow-language contract 4.10, 6.4, 6.5). */
import assert from "node:assert/strict";
import { readCall } from "../../../src/workflow/named-action.ts";
import type { NamedAction } from "../../../src/workflow/actions/names.ts";

type Given = Readonly<Record<string, unknown>>;

const REFUSED: readonly (readonly [NamedAction, Given, RegExp])[] = [
  // S-64
  ["artifact.read", { path: "/etc/passwd" }, /artifact path must be relative/],
  ["artifact.read", { path: "a/../../b" }, /must not contain \.\./],
  ["artifact.read", { path: " " }, /must not be empty/],
  ["artifact.write", { path: "a/", content: "" }, /must not be a directory/],
  ["artifact.list", { path: ".." }, /must not contain \.\./],
  ["artifact.list", { path: "/" }, /must be relative/],
  ["artifact.write", { path: "a" }, /content is required|with\.content: is required/],
  ["artifact.write", { path: "a", content: "", mode: "9" }, /mode must be octal/],
  ["artifact.read", { path: "a", recursive: true }, /invalid keys: recursive/],
  ["archive.create", { source: "a" }, /destination/],
  ["archive.create", { source: "a", destination: "b.zip", compression_level: 10 }, /from -1 to 9/],
  [
    "archive.extract",
    { source: "a", format: "rar" },
    /format must be one of: zip, tar, tar\.gz, tar\.bz2, tar\.xz, tar\.zst/,
  ],
  ["archive.extract", { source: "a", strip_components: -1 }, /strip_components/],
  ["archive.list", { source: "a", destination: "b" }, /invalid keys: destination/],
  [
    "template.render",
    { template: "a\n{{ if .x }}${env.HOME}" },
    /template: line 2: .*\{\{end\}\} is missing/,
  ],
  ["template.render", {}, /template or template_ref/],
  ["template.render", { template: "a", template_ref: "b" }, /mutually exclusive/],
  ["template.render", { template_ref: "${params.gone}" }, /template_ref has no value/],
  ["template.render", { template: "a", data: [1] }, /must be a mapping/],
];

Deno.test("A-02, S-64 actions for files: what is refused", async (t) => {
  for (const [name, given, expected] of REFUSED) {
    await t.step(`${name} ${JSON.stringify(given)}`, () => {
      const read = readCall(name, given);
      assert.ok(!read.ok);
      assert.match(read.message, expected);
    });
  }
});

const TAKEN: readonly (readonly [NamedAction, Given, Given])[] = [
  ["artifact.list", {}, { path: ".", pattern: "*", recursive: false, include_dirs: false }],
  ["artifact.list", { path: "a/b/", recursive: "true" }, { path: "a/b", recursive: true }],
  ["artifact.read", { path: "a", max_bytes: "10" }, { path: "a", format: "raw", max_bytes: 10 }],
  ["artifact.write", { path: "a", content: "", mode: 644 }, { mode: 0o644, atomic: true, overwrite: false }],
  ["archive.extract", { source: "a", format: ".TGZ" }, {
    format: "tar.gz",
    destination: ".",
    preserve_paths: true,
  }],
  ["archive.create", { source: "a", destination: "b", exclude: "x", compression_level: "3" }, {
    exclude: ["x"],
    compression_level: 3,
  }],
  ["template.render", { template_ref: "{{ .a }}" }, { template: "{{ .a }}", data: {} }],
];

Deno.test("A-03 actions for files: what they take", async (t) => {
  for (const [name, given, expected] of TAKEN) {
    await t.step(`${name} ${JSON.stringify(given)}`, () => {
      const read = readCall(name, given);
      assert.ok(read.ok);
      const taken: Given = { ...read.call.with };
      for (const [key, value] of Object.entries(expected)) assert.deepEqual(taken[key], value, key);
    });
  }
});
