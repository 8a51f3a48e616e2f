import assert from "node:assert/strict";
import { join } from "node:path";
import { copyTemplate, isThere, type Template } from "../../../src/cli/embedded-template.ts";

interface Bench extends AsyncDisposable {
  readonly folder: string;
  readonly template: Template;
  readonly made: string[];
}

async function openBench(make?: Template["make"]): Promise<Bench> {
  const folder = await Deno.makeTempDir({ prefix: "dagu-template-" });
  const cache = join(folder, "cache");
  await Deno.mkdir(cache);
  const made: string[] = [];
  const makeOne = async (dir: string): Promise<void> => {
    made.push(dir);
    await Deno.mkdir(join(dir, "base", "empty"), { recursive: true });
    await Deno.writeTextFile(join(dir, "base", "1"), "one");
    await new Promise((resolve) => setTimeout(resolve, 20));
  };
  return {
    folder,
    made,
    template: { cache, key: "k", make: make ?? makeOne },
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

Deno.test("copyTemplate: many new homes at once copy what is made once", async () => {
  await using bench = await openBench();
  const homes = Array.from({ length: 8 }, (_, at) => join(bench.folder, `home-${at}`));
  await Promise.all(homes.map((home) => copyTemplate(bench.template, home)));
  assert.equal(bench.made.length, 1);
  for (const home of homes) {
    assert.equal(await Deno.readTextFile(join(home, "base", "1")), "one");
    assert.ok(await isThere(join(home, "base", "empty")));
  }
});

Deno.test("copyTemplate: what a killed process left unfinished is not used", async () => {
  await using bench = await openBench();
  const home = join(bench.folder, "home");
  for (const left of [join(bench.template.cache, "embedded-k.new"), `${home}.new`]) {
    await Deno.mkdir(left);
    await Deno.writeTextFile(join(left, "half"), "");
  }
  await copyTemplate(bench.template, home);
  assert.deepEqual((await Array.fromAsync(Deno.readDir(home))).map(({ name }) => name), ["base"]);
});

Deno.test("copyTemplate: a template that cannot be made leaves nothing behind", async () => {
  await using bench = await openBench(async (dir) => {
    await Deno.mkdir(dir);
    throw new Error("the disk is full");
  });
  const home = join(bench.folder, "home");
  await assert.rejects(copyTemplate(bench.template, home), /the disk is full/);
  assert.equal(await isThere(home), false);
  assert.deepEqual((await Array.fromAsync(Deno.readDir(bench.template.cache))).map(({ name }) => name), [
    "embedded.lock",
  ]);
});
