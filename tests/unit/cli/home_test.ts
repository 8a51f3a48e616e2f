import assert from "node:assert/strict";
import { homedir } from "node:os";
import { join } from "node:path";
import { UserError } from "../../../src/cli/command.ts";
import { locateHome, openHome, readKeyring } from "../../../src/cli/home.ts";

for (
  const [name, env, dir, dags] of [
    ["the default is ours, below HOME", { HOME: "/h" }, "/h/.dagu-edge", "/h/.dagu-edge/dags"],
    [
      "without HOME, the user's entry says where",
      {},
      join(homedir(), ".dagu-edge"),
      join(homedir(), ".dagu-edge/dags"),
    ],
    ["DAGU_HOME", { HOME: "/h", DAGU_HOME: "/x y" }, "/x y", "/x y/dags"],
    ["a relative DAGU_HOME means the current folder", { DAGU_HOME: "a" }, join(Deno.cwd(), "a"), null],
    ["DAGU_DAGS_DIR", { DAGU_HOME: "/x", DAGU_DAGS_DIR: "/d" }, "/x", "/d"],
    ["an empty variable is none", { HOME: "/h", DAGU_HOME: " ", DAGU_DAGS_DIR: "" }, "/h/.dagu-edge", null],
  ] as const
) {
  Deno.test(`locateHome: C-04 ${name}`, () => {
    const home = locateHome(env);
    assert.equal(home.dir, dir);
    if (dags !== null) assert.equal(home.dagsDir, dags);
  });
}

Deno.test("a key that cannot be read is told, and no other one takes its place", async () => {
  const dir = await Deno.makeTempDir();
  const path = join(dir, "master.key");
  await Deno.writeTextFile(path, "nonsense\n");
  await assert.rejects(readKeyring(await openHome({ DAGU_HOME: dir }), {}), (error) => {
    assert.ok(error instanceof UserError);
    assert.ok(error.message.startsWith(`${path} cannot be read as a key`), error.message);
    return true;
  });
  assert.equal(await Deno.readTextFile(path), "nonsense\n");
  await Deno.remove(dir, { recursive: true });
});
