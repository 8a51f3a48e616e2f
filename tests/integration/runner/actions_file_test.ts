/** `file.*` (workflow-language contract ). */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { NamedAction } from "../../../src/workflow/actions/names.ts";
import { type HostBench, openHostBench, type Performed } from "../../support/host-actions.ts";
import { namedCall, resultOf } from "../../support/named-call.ts";

type Given = Readonly<Record<string, unknown>>;

function perform(bench: HostBench, name: NamedAction, given: Given): Promise<Performed> {
  return bench.perform({ action: namedCall(name, given) });
}

async function failure(bench: HostBench, name: NamedAction, given: Given): Promise<string> {
  const { outcome, stdout } = await perform(bench, name, given);
  assert.equal(stdout, "");
  return outcome.failure?.message ?? "";
}

async function openBench(): Promise<HostBench> {
  const bench = await openHostBench();
  await Deno.mkdir(join(bench.workspace.workDir, "d/e"), { recursive: true });
  await Deno.writeTextFile(join(bench.workspace.workDir, "f.txt"), "hello\n");
  await Deno.writeTextFile(join(bench.workspace.workDir, "d/g.txt"), "g");
  await Deno.writeTextFile(join(bench.workspace.workDir, "d/e/h.log"), "h");
  return bench;
}

const REFUSED: readonly (readonly [NamedAction, Given, RegExp])[] = [
  ["file.stat", { path: "no" }, /no does not exist/],
  ["file.read", { path: "d" }, /cannot read a directory/],
  ["file.read", { path: "f.txt", max_bytes: 5 }, /exceeds max_bytes/],
  ["file.write", { path: "f.txt", content: "" }, /destination exists/],
  ["file.write", { path: "x/y", content: "" }, /folder of .*x\/y does not exist/],
  ["file.write", { path: "d", content: "", overwrite: true }, /destination is a directory/],
  [
    "file.copy",
    { source: "f.txt", destination: "./f.txt", overwrite: true },
    /source and destination must differ/,
  ],
  ["file.copy", { source: "f.txt", destination: "d/g.txt" }, /destination exists/],
  ["file.copy", { source: "d", destination: "x" }, /recursive is required to copy a directory/],
  ["file.copy", { source: "d", destination: "d/e/x", recursive: true }, /inside of source/],
  ["file.copy", { source: "f.txt", destination: "d", overwrite: true }, /destination is a directory/],
  [
    "file.copy",
    { source: "d", destination: "f.txt", recursive: true, overwrite: true },
    /destination is not a directory/,
  ],
  ["file.move", { source: "f.txt", destination: "d", overwrite: true }, /destination is a directory/],
  ["file.move", { source: "d", destination: "f.txt", overwrite: true }, /destination is not a directory/],
  ["file.move", { source: "f.txt", destination: "f.txt" }, /source and destination must differ/],
  ["file.move", { source: "d", destination: "d/e/x" }, /inside of source/],
  ["file.delete", { path: "d" }, /recursive is required to delete a directory/],
  ["file.delete", { path: "/", recursive: true }, /refusing to delete filesystem root/],
  ["file.delete", { path: "//./", recursive: true }, /refusing to delete filesystem root/],
  ["file.mkdir", { path: "f.txt" }, /destination exists/],
  ["file.mkdir", { path: "x/y", create_dirs: false }, /folder of .*x\/y does not exist/],
  ["file.list", { path: "f.txt" }, /is not a directory/],
];

Deno.test("A-39 file actions: what they refuse, with nothing printed", async (t) => {
  await using bench = await openBench();
  for (const [name, given, expected] of REFUSED) {
    await t.step(`${name} ${JSON.stringify(given)}`, async () => {
      assert.match(await failure(bench, name, given), expected);
    });
  }
  assert.equal(await Deno.readTextFile(join(bench.workspace.workDir, "f.txt")), "hello\n");
  assert.equal(await Deno.readTextFile(join(bench.workspace.workDir, "d/e/h.log")), "h");
});

Deno.test("A-38 file actions: their results", async () => {
  await using bench = await openBench();
  const path = join(bench.workspace.workDir, "f.txt");
  const stat = resultOf((await perform(bench, "file.stat", { path: "f.txt" })).stdout);
  assert.deepEqual([stat["operation"], stat["path"], stat["type"], stat["size"]], ["stat", path, "file", 6]);
  const missing = await perform(bench, "file.stat", { path: "no", missing_ok: true });
  assert.equal(resultOf(missing.stdout)["exists"], false);
  assert.equal((await perform(bench, "file.read", { path })).stdout, "hello\n");
  const written = await perform(bench, "file.write", {
    path: "x/y",
    content: "1",
    create_dirs: true,
    mode: "0644",
  });
  assert.equal(resultOf(written.stdout)["created"], true);
  assert.equal((await Deno.stat(join(bench.workspace.workDir, "x/y"))).mode! & 0o777, 0o644);
  const copied = await perform(bench, "file.copy", { source: "d", destination: "c", recursive: true });
  assert.equal(resultOf(copied.stdout)["copied"], true);
  await Deno.chmod(join(bench.workspace.workDir, "d/e"), 0o700);
  await perform(bench, "file.copy", { source: "d", destination: "closed", recursive: true });
  const modeOf = async (name: string) => (await Deno.stat(join(bench.workspace.workDir, name))).mode! & 0o777;
  assert.deepEqual([await modeOf("closed"), await modeOf("closed/e")], [await modeOf("d"), 0o700]);
  const moved = await perform(bench, "file.move", { source: "c", destination: "m" });
  assert.equal(resultOf(moved.stdout)["moved"], true);
  assert.equal(await Deno.readTextFile(join(bench.workspace.workDir, "m/e/h.log")), "h");
  const made = await perform(bench, "file.mkdir", { path: "n/o", mode: "0777" });
  assert.equal(resultOf(made.stdout)["created"], true);
  assert.equal((await Deno.stat(join(bench.workspace.workDir, "n/o"))).mode! & 0o777, 0o777);
  const deleted = await perform(bench, "file.delete", { path: "m", recursive: true });
  assert.equal(resultOf(deleted.stdout)["deleted"], true);
  const gone = await perform(bench, "file.delete", { path: "m", missing_ok: true });
  assert.equal(resultOf(gone.stdout)["deleted"], false);
});

Deno.test("A-38 file.stat tells of a symlink itself, unless it is told to follow", async () => {
  await using bench = await openBench();
  await Deno.symlink("f.txt", join(bench.workspace.workDir, "link"));
  const typeOf = async (given: Given): Promise<unknown> =>
    resultOf((await perform(bench, "file.stat", { path: "link", ...given })).stdout)["type"];
  assert.deepEqual([await typeOf({}), await typeOf({ follow_symlinks: true })], ["symlink", "file"]);
});

async function listed(bench: HostBench, given: Given): Promise<unknown[]> {
  const { entries } = resultOf((await perform(bench, "file.list", { path: ".", ...given })).stdout);
  assert.ok(Array.isArray(entries));
  return entries.map((entry) => entry.relativePath);
}

Deno.test("A-38 file.list: pattern, recursive, include_dirs, and symlinks that lead back", async () => {
  await using bench = await openBench();
  assert.deepEqual(await listed(bench, {}), ["f.txt"]);
  assert.deepEqual(await listed(bench, { recursive: true }), ["d/e/h.log", "d/g.txt", "f.txt"]);
  assert.deepEqual(await listed(bench, { recursive: true, pattern: "*.txt" }), ["d/g.txt", "f.txt"]);
  assert.deepEqual(await listed(bench, { recursive: true, pattern: "d/*.txt" }), ["d/g.txt"]);
  assert.deepEqual(await listed(bench, { include_dirs: true }), ["d", "f.txt"]);
  await Deno.symlink("..", join(bench.workspace.workDir, "d/up"));
  const followed = await listed(bench, { recursive: true, follow_symlinks: true });
  assert.deepEqual(followed, ["d/e/h.log", "d/g.txt", "f.txt"]);
});

Deno.test("A-39 file.copy never empties a file by way of a symlink, nor follows one in circles", async () => {
  await using bench = await openBench();
  await Deno.symlink("f.txt", join(bench.workspace.workDir, "same"));
  const same = { source: "f.txt", destination: "same", overwrite: true };
  assert.match(await failure(bench, "file.copy", same), /must differ/);
  assert.equal(await Deno.readTextFile(join(bench.workspace.workDir, "f.txt")), "hello\n");
  await Deno.symlink("..", join(bench.workspace.workDir, "d/e/up"));
  const circle = { source: "d", destination: "c", recursive: true, follow_symlinks: true };
  assert.match(await failure(bench, "file.copy", circle), /leads back to a folder above it/);
  const links = await perform(bench, "file.copy", { source: "d", destination: "k", recursive: true });
  assert.equal(links.outcome.failure, null);
  assert.equal(await Deno.readLink(join(bench.workspace.workDir, "k/e/up")), "..");
});

Deno.test("A-38 dry_run changes nothing", async () => {
  await using bench = await openBench();
  const before = await listed(bench, { recursive: true, include_dirs: true });
  for (
    const [name, given] of [
      ["file.write", { path: "n/x", content: "1", create_dirs: true }],
      ["file.copy", { source: "f.txt", destination: "n/x", create_dirs: true }],
      ["file.move", { source: "f.txt", destination: "n/x", create_dirs: true }],
      ["file.delete", { path: "f.txt" }],
      ["file.mkdir", { path: "n/x" }],
    ] as const
  ) {
    const { stdout } = await perform(bench, name, { ...given, dry_run: true });
    const { dryRun, created, copied, moved, deleted } = resultOf(stdout);
    assert.equal(dryRun, true);
    assert.equal([created, copied, moved, deleted].includes(true), false, stdout);
  }
  assert.deepEqual(await listed(bench, { recursive: true, include_dirs: true }), before);
});

Deno.test("A-39 file.write takes a name as long as names can be, also whole or not at all", async () => {
  await using bench = await openBench();
  const path = "n".repeat(255);
  const { outcome } = await perform(bench, "file.write", { path, content: "x", atomic: true });
  assert.equal(outcome.failure, null, outcome.failure?.message);
  assert.equal(await Deno.readTextFile(join(bench.workspace.workDir, path)), "x");
});
