/** `artifact.*`: the run's artifact directory and nothing else (workflow-language contract S-63, S-64). */
import assert from "node:assert/strict";
import { join } from "node:path";
import { openRedirect } from "../../../src/runner/actions/redirect.ts";
import type { NamedAction } from "../../../src/workflow/actions/names.ts";
import { type HostBench, openHostBench, type Performed } from "../../support/host-actions.ts";
import { namedCall, resultOf } from "../../support/named-call.ts";

type Given = Readonly<Record<string, unknown>>;

function perform(bench: HostBench, name: NamedAction, given: Given): Promise<Performed> {
  return bench.perform({ action: namedCall(name, given) });
}

function artifacts(bench: HostBench): string {
  assert.ok(bench.workspace.artifactsDir !== null);
  return bench.workspace.artifactsDir;
}

Deno.test("6.4 artifact.write, read and list work below the directory", async () => {
  await using bench = await openHostBench();
  const written = await perform(bench, "artifact.write", { path: "a/b.txt", content: "hi\n" });
  const path = join(artifacts(bench), "a/b.txt");
  assert.deepEqual(resultOf(written.stdout), { operation: "write", path, bytes: 3, created: true });
  assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
  assert.equal((await perform(bench, "artifact.read", { path: "a/b.txt" })).stdout, "hi\n");
  const read = await perform(bench, "artifact.read", { path: "a/b.txt", format: "json" });
  assert.equal(resultOf(read.stdout)["content"], "hi\n");
  const all = await perform(bench, "artifact.list", { recursive: true, pattern: "*.txt" });
  assert.match(all.stdout, /"relativePath":"a\/b\.txt"/);
  const dirs = await perform(bench, "artifact.list", { include_dirs: true });
  assert.match(dirs.stdout, /"relativePath":"a","exists":true,"type":"directory"/);
});

Deno.test("6.4 artifact.write keeps what is there, unless overwrite", async () => {
  await using bench = await openHostBench();
  await perform(bench, "artifact.write", { path: "f", content: "1" });
  const again = await perform(bench, "artifact.write", { path: "f", content: "2" });
  assert.match(again.outcome.failure?.message ?? "", /destination exists/);
  const over = await perform(bench, "artifact.write", {
    path: "f",
    content: "2",
    overwrite: true,
    mode: "0640",
  });
  assert.equal(resultOf(over.stdout)["created"], false);
  assert.equal(await Deno.readTextFile(join(artifacts(bench), "f")), "2");
});

Deno.test("6.4 artifact.read refuses more than max_bytes, and folders", async () => {
  await using bench = await openHostBench();
  await perform(bench, "artifact.write", { path: "d/f", content: "12345" });
  const large = await perform(bench, "artifact.read", { path: "d/f", max_bytes: 4 });
  assert.match(large.outcome.failure?.message ?? "", /exceeds max_bytes/);
  const folder = await perform(bench, "artifact.read", { path: "d" });
  assert.match(folder.outcome.failure?.message ?? "", /cannot read a directory/);
  const gone = await perform(bench, "artifact.read", { path: "gone" });
  assert.match(gone.outcome.failure?.message ?? "", /does not exist/);
});

Deno.test("S-64 artifact actions follow no symlink out of the directory", async (t) => {
  await using bench = await openHostBench();
  const outside = join(bench.workspace.workDir, "outside");
  await Deno.mkdir(outside);
  await Deno.writeTextFile(join(outside, "secret"), "s");
  await Deno.symlink(outside, join(artifacts(bench), "dir"));
  await Deno.symlink(join(outside, "secret"), join(artifacts(bench), "file"));
  await Deno.symlink(join(outside, "new"), join(artifacts(bench), "dangling"));
  const tries: readonly (readonly [NamedAction, Given])[] = [
    ["artifact.read", { path: "file" }],
    ["artifact.read", { path: "dir/secret" }],
    ["artifact.write", { path: "dir/x", content: "" }],
    ["artifact.write", { path: "dir/new/x", content: "" }],
    ["artifact.write", { path: "file", content: "x", overwrite: true }],
    ["artifact.write", { path: "dangling", content: "x", atomic: false, overwrite: true }],
    ["artifact.list", { path: "dir" }],
  ];
  for (const [name, given] of tries) {
    await t.step(`${name} ${JSON.stringify(given)}`, async () => {
      const { outcome, stdout } = await perform(bench, name, given);
      assert.match(outcome.failure?.message ?? "", /escapes artifact directory/);
      assert.equal(stdout, "");
    });
  }
  const below = await perform(bench, "artifact.list", { recursive: true });
  assert.ok(!below.stdout.includes('secret","path'));
  assert.deepEqual((await Array.fromAsync(Deno.readDir(outside))).map(({ name }) => name), ["secret"]);
  assert.equal(await Deno.readTextFile(join(outside, "secret")), "s");
});

Deno.test("S-63 artifact actions say how to get a directory when the run has none", async () => {
  await using bench = await openHostBench();
  const action = namedCall("artifact.list");
  const { outcome } = await bench.perform({ action, scopeEnv: { DAG_RUN_ARTIFACTS_DIR: "" } });
  assert.match(outcome.failure?.message ?? "", /no artifact directory/);
  assert.equal(outcome.failure?.remedy, "set artifacts.enabled: true");
});

Deno.test("S-64 a name may begin with two dots", async () => {
  await using bench = await openHostBench();
  const given = { path: "..notes/..x", content: "x" };
  const { outcome } = await perform(bench, "artifact.write", given);
  assert.equal(outcome.failure, null, outcome.failure?.message);
  const again = await perform(bench, "artifact.write", { ...given, overwrite: true });
  assert.equal(again.outcome.failure, null, again.outcome.failure?.message);
  assert.equal(await Deno.readTextFile(join(artifacts(bench), given.path)), "x");
});

Deno.test("S-64 a step's output does not follow a symlink to a folder that is not there yet", async () => {
  await using bench = await openHostBench();
  const outside = join(bench.workspace.workDir, "outside");
  await Deno.symlink(outside, join(artifacts(bench), "link"));
  const opened = await openRedirect({ kind: "artifact", path: "link/x" }, "/", artifacts(bench));
  assert.match("message" in opened ? opened.message : "", /escapes artifact directory/);
  await assert.rejects(Deno.lstat(outside));
});
