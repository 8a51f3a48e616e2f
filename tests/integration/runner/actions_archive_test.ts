/** `archive.*` (workflow-language contract 6.5): what goes in comes out, also with other programs. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { NamedAction } from "../../../src/workflow/actions/names.ts";
import { type HostBench, openHostBench, type Performed } from "../../support/host-actions.ts";
import { namedCall, resultOf } from "../../support/named-call.ts";

type Given = Readonly<Record<string, unknown>>;

function perform(
  bench: HostBench,
  name: NamedAction,
  given: Given,
  signal?: AbortSignal,
): Promise<Performed> {
  return bench.perform({ action: namedCall(name, given) }, signal);
}

/** A folder `src` with a bit of everything. */
async function openBench(): Promise<HostBench> {
  const bench = await openHostBench();
  const src = join(bench.workspace.workDir, "src");
  await Deno.mkdir(join(src, "sub/deep"), { recursive: true });
  await Deno.mkdir(join(src, "node_modules/x"), { recursive: true });
  await Deno.mkdir(join(src, "empty"), { mode: 0o500 });
  await Deno.chmod(join(src, "sub"), 0o700);
  await Deno.writeTextFile(join(src, "run.sh"), "echo hi\n", { mode: 0o755 });
  await Deno.writeTextFile(join(src, "sub/deep/é.txt"), "e\n");
  await Deno.writeTextFile(join(src, "sub/none"), "");
  await Deno.writeFile(join(src, "sub/big.bin"), new Uint8Array(300_000).map((_, at) => at * 7 % 251));
  await Deno.writeTextFile(join(src, "node_modules/x/i.js"), "x");
  await Deno.symlink("../run.sh", join(src, "sub/link"));
  return bench;
}

/** Path, kind, mode and content of all below a folder. */
async function picture(folder: string, prefix = ""): Promise<string[]> {
  const lines: string[] = [];
  for (
    const entry of (await Array.fromAsync(Deno.readDir(folder))).sort((a, b) => a.name < b.name ? -1 : 1)
  ) {
    const path = join(folder, entry.name);
    const name = prefix + entry.name;
    if (entry.isSymlink) lines.push(`${name} -> ${await Deno.readLink(path)}`);
    else if (entry.isDirectory) {
      lines.push(`${name}/ ${await modeOf(path)}`, ...await picture(path, `${name}/`));
    } else {
      const hash = new Uint8Array(await crypto.subtle.digest("SHA-1", await Deno.readFile(path))).toHex();
      lines.push(`${name} ${await modeOf(path)} ${hash}`);
    }
  }
  return lines;
}

async function modeOf(path: string): Promise<string> {
  return ((await Deno.stat(path)).mode! & 0o777).toString(8);
}

async function program(bench: HostBench, argv: readonly string[]): Promise<string> {
  const [command = "", ...args] = argv;
  const { code, stdout, stderr } = await new Deno.Command(command, { args, cwd: bench.workspace.workDir })
    .output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

const ENDINGS = ["zip", "tar", "tar.gz", "tgz", "tar.bz2", "tar.xz", "tar.zst"];

Deno.test("6.5 archive.create and extract give back what was packed", async (t) => {
  await using bench = await openBench();
  const { workDir } = bench.workspace;
  for (const ending of ENDINGS) {
    await t.step(ending, async () => {
      const made = await perform(bench, "archive.create", {
        source: "src",
        destination: `out/a.${ending}`,
        verify_integrity: true,
      });
      assert.equal(made.outcome.failure, null);
      const got = await perform(bench, "archive.extract", {
        source: `out/a.${ending}`,
        destination: `got/${ending}`,
        verify_integrity: true,
      });
      assert.equal(got.outcome.failure, null);
      assert.equal(resultOf(got.stdout)["files"], resultOf(made.stdout)["files"]);
      assert.deepEqual(await picture(join(workDir, "got", ending)), await picture(join(workDir, "src")));
      assert.deepEqual(
        (await Array.fromAsync(Deno.readDir(join(workDir, "out")))).filter(({ name }) =>
          name.startsWith(".")
        ),
        [],
      );
    });
  }
});

Deno.test("6.5 archives of other programs are read, and theirs read ours", async (t) => {
  await using bench = await openBench();
  const { workDir } = bench.workspace;
  const whole = await picture(join(workDir, "src"));
  await t.step("tar reads ours", async () => {
    await perform(bench, "archive.create", { source: "src", destination: "a.tar.gz" });
    await Deno.mkdir(join(workDir, "one"));
    await program(bench, ["tar", "xzf", "a.tar.gz", "-C", "one"]);
    assert.deepEqual(await picture(join(workDir, "one")), whole);
  });
  await t.step("we read tar's, with hard links and long names", async () => {
    const long = `src/${"n".repeat(120)}/${"m".repeat(120)}`;
    await Deno.mkdir(join(workDir, long), { recursive: true });
    await Deno.link(join(workDir, "src/run.sh"), join(workDir, long, "same.sh"));
    await program(bench, ["tar", "czf", "b.tgz", "-C", "src", "."]);
    const { outcome } = await perform(bench, "archive.extract", { source: "b.tgz", destination: "two" });
    assert.equal(outcome.failure, null);
    assert.deepEqual(await picture(join(workDir, "two")), await picture(join(workDir, "src")));
    await Deno.remove(join(workDir, `src/${"n".repeat(120)}`), { recursive: true });
  });
});

Deno.test("6.5 archive with a password: read with it only, and nothing is left behind without", async () => {
  await using bench = await openBench();
  const { workDir } = bench.workspace;
  const secret = { password: "s3cret", destination: "a.zip", compression_level: 9, verify_integrity: true };
  const made = await perform(bench, "archive.create", { source: "src", ...secret });
  assert.equal(made.outcome.failure, null);
  const none = await perform(bench, "archive.extract", { source: "a.zip", destination: "x" });
  assert.match(none.outcome.failure?.message ?? "", /needs a password/);
  const wrong = await perform(bench, "archive.extract", {
    source: "a.zip",
    destination: "x",
    password: "no",
  });
  assert.match(wrong.outcome.failure?.message ?? "", /password is wrong/);
  const right = await perform(bench, "archive.extract", {
    source: "a.zip",
    destination: "y",
    password: "s3cret",
  });
  assert.equal(right.outcome.failure, null);
  assert.deepEqual(await picture(join(workDir, "y")), await picture(join(workDir, "src")));
  const files = await Array.fromAsync(Deno.readDir(join(workDir, "x"))).catch(() => []);
  assert.deepEqual(files.filter(({ isFile }) => isFile), []);
  const tar = await perform(bench, "archive.create", { source: "src", destination: "a.tar", password: "x" });
  assert.match(tar.outcome.failure?.message ?? "", /tar archives have no password/);
});

const CHOSEN: readonly (readonly [Given, readonly string[]])[] = [
  [{ exclude: "node_modules" }, [
    "empty/",
    "run.sh",
    "sub/",
    "sub/big.bin",
    "sub/deep/",
    "sub/deep/é.txt",
    "sub/link",
    "sub/none",
  ]],
  [{ include: ["*.sh", "*.txt"] }, ["run.sh", "sub/deep/é.txt"]],
  [{ include: "sub", exclude: ["sub/deep", "*.bin"] }, ["sub/", "sub/link", "sub/none"]],
  [{ include: "sub/*.txt" }, []],
  [{ include: "**/*.txt" }, ["sub/deep/é.txt"]],
  [{ include: "sub/**", strip_components: 1, exclude: "big.bin" }, ["deep/", "deep/é.txt", "link", "none"]],
  [{ preserve_paths: false, exclude: "node_modules" }, ["run.sh", "big.bin", "é.txt", "link", "none"]],
];

Deno.test("6.5 archive: include, exclude, strip_components, preserve_paths", async (t) => {
  await using bench = await openBench();
  for (const [at, [given, expected]] of CHOSEN.entries()) {
    await t.step(JSON.stringify(given), async () => {
      const made = await perform(bench, "archive.create", {
        source: "src",
        destination: `c${at}.tar`,
        ...given,
      });
      assert.equal(made.outcome.failure, null);
      const list = await perform(bench, "archive.list", { source: `c${at}.tar` });
      const entries: unknown = resultOf(list.stdout)["entries"];
      assert.ok(Array.isArray(entries));
      assert.deepEqual(entries.map((entry) => entry.path), expected);
    });
  }
  await t.step("of what is extracted", async () => {
    await perform(bench, "archive.create", { source: "src", destination: "all.zip" });
    const rules = { include: "sub", exclude: ["*.bin", "link"], strip_components: 1 };
    const dry = await perform(bench, "archive.extract", {
      source: "all.zip",
      destination: "x",
      ...rules,
      dry_run: true,
    });
    assert.deepEqual(resultOf(dry.stdout)["entries"], ["deep/é.txt", "none"]);
    await assert.rejects(Deno.stat(join(bench.workspace.workDir, "x")));
    const given = { source: "all.zip", destination: "x", ...rules, exclude: "*.bin" };
    const { outcome } = await perform(bench, "archive.extract", given);
    assert.match(outcome.failure?.message ?? "", /"link" is a symlink that leads outside/);
    await assert.rejects(Deno.stat(join(bench.workspace.workDir, "x")), "nothing is written before");
  });
});

Deno.test("6.5 archive.list tells what is inside", async () => {
  await using bench = await openBench();
  await perform(bench, "archive.create", { source: "src/run.sh", destination: "one.zip" });
  const { stdout } = await perform(bench, "archive.list", { source: "one.zip", verify_integrity: true });
  const { entries, format, operation } = resultOf(stdout);
  assert.deepEqual([operation, format], ["list", "zip"]);
  assert.ok(Array.isArray(entries));
  const { modTime, ...rest } = entries[0];
  assert.deepEqual(rest, { path: "run.sh", type: "file", size: 8, mode: "0755" });
  assert.ok(Math.abs(Date.parse(modTime) - Date.now()) < 60_000);
});

Deno.test("6.5 archive keeps what is there unless overwrite, and finds out before it writes", async () => {
  await using bench = await openBench();
  const { workDir } = bench.workspace;
  await perform(bench, "archive.create", { source: "src", destination: "a.tar" });
  const again = await perform(bench, "archive.create", { source: "src", destination: "a.tar" });
  assert.match(again.outcome.failure?.message ?? "", /destination exists/);
  await Deno.mkdir(join(workDir, "x/sub"), { recursive: true, mode: 0o700 });
  await Deno.writeTextFile(join(workDir, "x/sub/none"), "mine");
  const kept = await perform(bench, "archive.extract", { source: "a.tar", destination: "x" });
  assert.match(kept.outcome.failure?.message ?? "", /destination exists: .*sub\/none/);
  assert.equal((await picture(join(workDir, "x"))).length, 2);
  const over = await perform(bench, "archive.extract", {
    source: "a.tar",
    destination: "x",
    overwrite: true,
  });
  assert.equal(over.outcome.failure, null);
  assert.deepEqual(await picture(join(workDir, "x")), await picture(join(workDir, "src")));
});

Deno.test("6.5 archive: two files that would get one name are refused", async () => {
  await using bench = await openBench();
  await Deno.writeTextFile(join(bench.workspace.workDir, "src/none"), "");
  const given = { source: "src", destination: "a.tar", preserve_paths: false };
  const { outcome } = await perform(bench, "archive.create", given);
  assert.match(outcome.failure?.message ?? "", /would both be none/);
});

Deno.test("6.5 archive.extract: two files of an archive that would get one name are refused, a newer version is not", async () => {
  await using bench = await openHostBench();
  const { workDir } = bench.workspace;
  for (const [folder, text] of [["a", "1"], ["b", "2"]] as const) {
    await Deno.mkdir(join(workDir, "s", folder), { recursive: true });
    await Deno.writeTextFile(join(workDir, "s", folder, "f"), text);
  }
  await program(bench, ["tar", "cf", "two.tar", "-C", "s", "./a", "b"]);
  for (const rules of [{ preserve_paths: false }, { strip_components: 1, overwrite: true }]) {
    const given = { source: "two.tar", destination: "x", ...rules };
    const { outcome } = await perform(bench, "archive.extract", given);
    assert.match(outcome.failure?.message ?? "", /a\/f and b\/f of the archive would both be f/);
    await assert.rejects(Deno.stat(join(workDir, "x")), Deno.errors.NotFound);
  }
  await program(bench, ["tar", "cf", "new.tar", "-C", "s", "a/f"]);
  await Deno.writeTextFile(join(workDir, "s/a/f"), "newer");
  await program(bench, ["tar", "rf", "new.tar", "-C", "s", "a/f"]);
  const again = await perform(bench, "archive.extract", { source: "new.tar", destination: "x" });
  assert.equal(again.outcome.failure, null);
  assert.equal(await Deno.readTextFile(join(workDir, "x/a/f")), "newer");
});

Deno.test("6.5 archive: a failing extract leaves no empty folder; a folder is no archive's destination", async () => {
  await using bench = await openHostBench();
  const { workDir } = bench.workspace;
  await Deno.mkdir(join(workDir, "s"));
  await Deno.writeTextFile(join(workDir, "s/f"), "x");
  await perform(bench, "archive.create", { source: "s", destination: "a.zip", password: "s3cret" });
  const locked = await perform(bench, "archive.extract", { source: "a.zip", destination: "x" });
  assert.match(locked.outcome.failure?.message ?? "", /needs a password/);
  await assert.rejects(Deno.stat(join(workDir, "x")), Deno.errors.NotFound);
  const given = { source: "s", destination: "s", format: "tar", overwrite: true };
  const folder = await perform(bench, "archive.create", given);
  assert.match(folder.outcome.failure?.message ?? "", /destination is a directory/);
});

Deno.test("6.5 archive.create into the folder that it packs leaves itself out", async () => {
  await using bench = await openBench();
  const given = { source: "src", destination: "src/a.tar.gz", overwrite: true };
  for (const _ of [1, 2]) {
    const { stdout } = await perform(bench, "archive.create", given);
    assert.equal(resultOf(stdout)["files"], 6);
  }
});

const BROKEN: readonly (readonly [string, string, Given, RegExp])[] = [
  ["a.zip", "no zip", {}, /zip archive cannot be read/],
  ["a.tar.gz", "no gzip", {}, /no whole tar\.gz archive/],
  ["a.tar", "no tar", {}, /no whole tar archive/],
  ["a.rar", "Rar!", {}, /format of .*a\.rar is not known/],
  ["gone.zip", "", {}, /gone\.zip does not exist/],
];

Deno.test("6.5 archive: what is no archive is told", async (t) => {
  await using bench = await openHostBench();
  for (const [name, content, given, expected] of BROKEN) {
    await t.step(name, async () => {
      if (content !== "") await Deno.writeTextFile(join(bench.workspace.workDir, name), content);
      const { outcome } = await perform(bench, "archive.extract", {
        source: name,
        destination: "x",
        ...given,
      });
      assert.match(outcome.failure?.message ?? "", expected);
    });
  }
});

Deno.test("6.5 archive: verify_integrity finds a cut archive before anything is written", async (t) => {
  await using bench = await openBench();
  const { workDir } = bench.workspace;
  for (const ending of ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz", "tar.zst"]) {
    await t.step(ending, async () => {
      await perform(bench, "archive.create", { source: "src", destination: `a.${ending}` });
      const bytes = await Deno.readFile(join(workDir, `a.${ending}`));
      await Deno.writeFile(join(workDir, `cut.${ending}`), bytes.subarray(0, bytes.length / 2));
      const given = { source: `cut.${ending}`, destination: `x-${ending}`, verify_integrity: true };
      const { outcome } = await perform(bench, "archive.extract", given);
      assert.match(outcome.failure?.message ?? "", /no whole .* archive|zip archive cannot be read/);
      await assert.rejects(Deno.stat(join(workDir, `x-${ending}`)));
    });
  }
});

Deno.test("6.5 archive: a stop ends it and leaves no half archive", async () => {
  await using bench = await openBench();
  const { outcome } = await perform(
    bench,
    "archive.create",
    { source: "src", destination: "a.tar.gz" },
    AbortSignal.abort(),
  );
  assert.notEqual(outcome.failure, null);
  assert.deepEqual((await Array.fromAsync(Deno.readDir(bench.workspace.workDir))).map(({ name }) => name), [
    "src",
  ]);
});

for (const format of ["tar", "tar.gz", "tar.bz2", "zip"]) {
  Deno.test(`6.5 archive: a stop in the middle of a ${format} leaves nothing, and no file open`, async () => {
    await using bench = await openBench();
    const { workDir } = bench.workspace;
    const random = crypto.getRandomValues(new Uint8Array(65_536));
    {
      using file = await Deno.open(join(workDir, "src/large"), { create: true, write: true });
      for (let n = 0; n < 800; n++) await file.write(random);
    }
    const stop = new AbortController();
    const given = { source: "src", destination: "out/a", format };
    const performed = perform(bench, "archive.create", given, stop.signal);
    const hasBegun = async (): Promise<boolean> =>
      (await Array.fromAsync(Deno.readDir(join(workDir, "out"))).catch(() => [])).length > 0;
    while (!await hasBegun());
    stop.abort();
    assert.match((await performed).outcome.failure?.message ?? "", /stopped/);
    assert.deepEqual(await Array.fromAsync(Deno.readDir(join(workDir, "out"))), []);
  });
}
