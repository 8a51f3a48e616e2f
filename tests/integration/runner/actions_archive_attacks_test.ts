/** Archives that want out of their folder: nothing outside of it is ever written, nor led to. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { TextReader, Uint8ArrayWriter, ZipWriter } from "@zip.js/zip.js";
import { packTar, type TarEntry } from "modern-tar";
import { type HostBench, openHostBench, type Performed } from "../../support/host-actions.ts";
import { namedCall } from "../../support/named-call.ts";

const OUTSIDE = "secret";

/** `work/outside/secret` is what must stay as it is; archives are unpacked into `work/in/x`. */
async function openBench(): Promise<HostBench> {
  const bench = await openHostBench();
  const { workDir } = bench.workspace;
  await Deno.mkdir(join(workDir, "outside"));
  await Deno.writeTextFile(join(workDir, "outside", OUTSIDE), "s");
  await Deno.mkdir(join(workDir, "in/x"), { recursive: true });
  return bench;
}

function extract(bench: HostBench, source: string): Promise<Performed> {
  return bench.perform({
    action: namedCall("archive.extract", { source, destination: "in/x", overwrite: true }),
  });
}

async function assertUntouched(bench: HostBench): Promise<void> {
  const { workDir } = bench.workspace;
  assert.deepEqual((await Array.fromAsync(Deno.readDir(join(workDir, "outside")))).map(({ name }) => name), [
    OUTSIDE,
  ]);
  assert.equal(await Deno.readTextFile(join(workDir, "outside", OUTSIDE)), "s");
  assert.deepEqual((await Array.fromAsync(Deno.readDir(join(workDir, "in")))).map(({ name }) => name), ["x"]);
  const real = await Deno.realPath(join(workDir, "in/x"));
  await assertInside(real, join(workDir, "in/x"));
}

/** No symlink below leads outside, also not a dangling one. */
async function assertInside(root: string, folder: string): Promise<void> {
  for await (const entry of Deno.readDir(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory) await assertInside(root, path);
    const real = await Deno.realPath(path).catch(() => null);
    if (real !== null) assert.ok(real.startsWith(root), `${path} leads to ${real}`);
  }
}

function file(name: string, text = "evil"): TarEntry {
  return { header: { name, size: text.length, type: "file", mode: 0o644 }, body: text };
}

function link(name: string, linkname: string, type: "symlink" | "link" = "symlink"): TarEntry {
  return { header: { name, size: 0, type, linkname } };
}

const ATTACKS: readonly (readonly [string, readonly TarEntry[], RegExp])[] = [
  ["a name that goes up", [file("../outside/evil")], /leads outside of its folder/],
  ["a name that goes up in the middle", [file("a/../../evil")], /leads outside of its folder/],
  ["an absolute name", [file("/tmp/dagu-evil")], /leads outside of its folder/],
  ["a drive", [file("C:/evil")], /leads outside of its folder/],
  ["an absolute symlink", [link("l", "/etc")], /symlink that leads outside/],
  ["a symlink that goes up", [link("l", "../../outside")], /symlink that leads outside/],
  ["a file through a symlink of the archive", [link("l", "../../outside"), file("l/evil")], /symlink/],
  ["a symlink in the place of a folder", [link("d", "."), file("d/f")], /would replace a folder/],
  [
    "a symlink through a symlink",
    [link("s", "."), link("s/m", "..")],
    /goes through a symlink: s|leads outside/,
  ],
  [
    "symlinks that only together lead out",
    [file("d1/d2/f"), link("d1/d2/l", "../.."), link("m", "d1/d2/l/..")],
    /symlink that leads outside/,
  ],
  [
    "a dangling one of those",
    [file("d1/d2/f"), link("d1/d2/l", "../.."), link("m", "d1/d2/l/../new")],
    /symlink that leads outside/,
  ],
  [
    "a hard link to a file outside",
    [link("h", "../../outside/secret", "link")],
    /leads outside of its folder/,
  ],
  ["a hard link to an absolute file", [link("h", "/etc/passwd", "link")], /leads outside of its folder/],
  ["a hard link to what is not there", [link("h", "nothing", "link")], /link to a file that is not there/],
  [
    "a device",
    [{ header: { name: "null", size: 0, type: "character-device" } }],
    /no file, folder or symlink/,
  ],
  ["a pipe", [{ header: { name: "p", size: 0, type: "fifo" } }], /no file, folder or symlink/],
];

Deno.test("6.5 archive.extract: a tar archive cannot leave its folder", async (t) => {
  for (const [name, entries, expected] of ATTACKS) {
    await t.step(name, async () => {
      await using bench = await openBench();
      await Deno.writeFile(join(bench.workspace.workDir, "evil.tar"), await packTar(entries));
      const { outcome } = await extract(bench, "evil.tar");
      assert.match(outcome.failure?.message ?? "", expected);
      await assertUntouched(bench);
    });
  }
});

Deno.test("6.5 archive.extract goes through no symlink that was there before", async (t) => {
  const cases: readonly (readonly [string, readonly TarEntry[]])[] = [
    ["a file below it", [file("old/evil")]],
    ["a folder below it", [{ header: { name: "old/d/", size: 0, type: "directory" } }]],
    ["a symlink to what is below it", [link("m", "old/secret")]],
    ["a hard link to what is below it", [link("h", "old/secret", "link")]],
  ];
  for (const [name, entries] of cases) {
    await t.step(name, async () => {
      await using bench = await openBench();
      const { workDir } = bench.workspace;
      await Deno.symlink(join(workDir, "outside"), join(workDir, "in/x/old"));
      await Deno.writeFile(join(workDir, "evil.tar"), await packTar(entries));
      const { outcome } = await extract(bench, "evil.tar");
      assert.notEqual(outcome.failure, null);
      await Deno.remove(join(workDir, "in/x/old"));
      await assertUntouched(bench);
    });
  }
  await t.step("a file in its place replaces it", async () => {
    await using bench = await openBench();
    const { workDir } = bench.workspace;
    await Deno.symlink(join(workDir, "outside", OUTSIDE), join(workDir, "in/x/f"));
    await Deno.writeFile(join(workDir, "good.tar"), await packTar([file("f", "new")]));
    assert.equal((await extract(bench, "good.tar")).outcome.failure, null);
    assert.equal(await Deno.readTextFile(join(workDir, "in/x/f")), "new");
    await assertUntouched(bench);
  });
});

Deno.test("6.5 archive.extract: a zip archive cannot leave its folder", async (t) => {
  const cases: readonly (readonly [string, (writer: ZipWriter<Uint8Array>) => Promise<unknown>, string])[] = [
    ["a name that goes up", (writer) => writer.add("aa/evil", new TextReader("x")), "../evil"],
    ["an absolute name", (writer) => writer.add("atmp/dagu-evil", new TextReader("x")), "/tmp/dagu-evil"],
    ["a symlink", (writer) => writer.add("l", new TextReader("../../outside"), { unixMode: 0o120777 }), "l"],
  ];
  for (const [name, add, evil] of cases) {
    await t.step(name, async () => {
      await using bench = await openBench();
      const writer = new ZipWriter(new Uint8ArrayWriter(), { useWebWorkers: false });
      await add(writer);
      const bytes = renamed(await writer.close(), evil);
      await Deno.writeFile(join(bench.workspace.workDir, "evil.zip"), bytes);
      const { outcome } = await extract(bench, "evil.zip");
      assert.match(outcome.failure?.message ?? "", /outside|cannot be read/);
      await assertUntouched(bench);
    });
  }
});

/** The library writes no such names: they are put over others of the same length. */
function renamed(bytes: Uint8Array, name: string): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(bytes);
  const plain = name.replace(/^(\.\.|\/)/, (front) => front === "/" ? "a" : "aa");
  const [from, to] = [new TextEncoder().encode(plain), new TextEncoder().encode(name)];
  for (let at = 0; at + from.length <= copy.length; at++) {
    if (from.every((byte, index) => copy[at + index] === byte)) copy.set(to, at);
  }
  return copy;
}
