/** Files that are no regular ones: no step waits for a pipe, which a stop would not end (S-97), and a device stays a device. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { NamedAction } from "../../../src/workflow/actions/names.ts";
import { type HostBench, openHostBench } from "../../support/host-actions.ts";
import { namedCall } from "../../support/named-call.ts";

async function openBench(): Promise<HostBench> {
  const bench = await openHostBench();
  const { workDir } = bench.workspace;
  const made = await new Deno.Command("mkfifo", { args: [join(workDir, "pipe")] }).output();
  assert.equal(made.code, 0);
  await Deno.writeTextFile(join(workDir, "f.txt"), "hello\n");
  // Who may make a device could also spoil the machine's.
  const own = await new Deno.Command("mknod", { args: ["-m", "666", join(workDir, "null"), "c", "1", "3"] })
    .output();
  if (own.code !== 0) await Deno.symlink("/dev/null", join(workDir, "null"));
  return bench;
}

const PIPES: readonly (readonly [NamedAction, Readonly<Record<string, unknown>>])[] = [
  ["file.read", { path: "pipe" }],
  ["file.read", { path: "pipe", format: "json" }],
  ["file.write", { path: "pipe", content: "x", overwrite: true }],
  ["file.write", { path: "pipe", content: "x", overwrite: true, atomic: false }],
  ["file.copy", { source: "pipe", destination: "x" }],
  ["file.copy", { source: "f.txt", destination: "pipe", overwrite: true }],
  ["file.move", { source: "f.txt", destination: "pipe", overwrite: true }],
  ["jq.filter", { filter: ".", input: "pipe" }],
  ["data.convert", { from: "json", to: "yaml", input: "pipe" }],
  ["template.render", { template: "x", data: {}, output: "pipe" }],
  ["archive.list", { source: "pipe" }],
  ["archive.extract", { source: "pipe", destination: "x" }],
  ["archive.create", { source: "pipe", destination: "x.tar" }],
  ["archive.create", { source: "f.txt", destination: "pipe", format: "tar", overwrite: true }],
  ["http.request", { method: "POST", url: "http://127.0.0.1:1/", files: { a: "pipe" } }],
];

Deno.test("A-38 S-97 actions refuse a pipe instead of waiting for its other end", async (t) => {
  await using bench = await openBench();
  for (const [name, given] of PIPES) {
    await t.step(`${name} ${JSON.stringify(given)}`, async () => {
      const { outcome } = await bench.perform({ action: namedCall(name, given) });
      assert.match(outcome.failure?.message ?? "", /not a regular file: .*\/pipe/);
    });
  }
  assert.ok((await Deno.lstat(join(bench.workspace.workDir, "pipe"))).isFifo);
});

Deno.test("6.5 what is written to a device goes there: it is no file to be replaced", async (t) => {
  await using bench = await openBench();
  const written: readonly (readonly [NamedAction, Readonly<Record<string, unknown>>])[] = [
    ["file.write", { path: "null", content: "x", overwrite: true }],
    ["file.write", { path: "null", content: "x", overwrite: true, atomic: false }],
    ["file.copy", { source: "f.txt", destination: "null", overwrite: true }],
    ["template.render", { template: "x", data: {}, output: "null" }],
    ["archive.create", { source: "f.txt", destination: "null", format: "tar", overwrite: true }],
  ];
  for (const [name, given] of written) {
    await t.step(`${name} ${JSON.stringify(given)}`, async () => {
      const { outcome } = await bench.perform({ action: namedCall(name, given) });
      assert.equal(outcome.failure, null);
      const { workDir } = bench.workspace;
      const { isCharDevice, mode } = await Deno.stat(join(workDir, "null"));
      assert.deepEqual([isCharDevice, mode! & 0o777], [true, 0o666]);
      const left = [...Deno.readDirSync(workDir)].map((entry) => entry.name);
      assert.deepEqual(left.filter((entry) => entry.startsWith(".")), []);
    });
  }
});

Deno.test("S-43 an output file in whose place a step puts a pipe fails the step", async () => {
  await using bench = await openBench();
  const { outcome } = await bench.perform({
    action: {
      name: "run",
      form: "command",
      texts: ['rm "$DAGU_OUTPUT_FILE"; mkfifo "$DAGU_OUTPUT_FILE"'],
      shell: null,
      shellArgs: [],
    },
  });
  assert.match(outcome.failure?.message ?? "", /output file is not a regular file/);
});

Deno.test("4.9 a stream does not wait for the reader of a pipe, nor an output for its writer", async () => {
  await using bench = await openBench();
  const { workDir } = bench.workspace;
  const redirect = await bench.actions.redirect({ kind: "file", path: "pipe" }, workDir);
  assert.ok("code" in redirect);
  assert.match(redirect.message, /cannot write to .*pipe: it is a pipe/);
  const text = await bench.actions.readText("pipe", workDir, 100);
  assert.ok(typeof text !== "string");
  assert.match(text.message, /pipe is not a regular file/);
});

Deno.test("6.4 a stop ends the copy of a file, and leaves no half of it", async () => {
  await using bench = await openBench();
  const { workDir } = bench.workspace;
  await Deno.writeTextFile(join(workDir, "old"), "old");
  for (const destination of ["new", "old"]) {
    const action = namedCall("file.copy", { source: "f.txt", destination, overwrite: true });
    const { outcome } = await bench.perform({ action }, AbortSignal.abort());
    assert.match(outcome.failure?.message ?? "", /stopped/);
  }
  await assert.rejects(Deno.stat(join(workDir, "new")), Deno.errors.NotFound);
});
