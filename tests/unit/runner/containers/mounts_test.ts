import assert from "node:assert/strict";
import { resolveMounts } from "../../../../src/runner/containers/mounts.ts";

const HOST = {
  HOME: "/tmp",
  XDG_RUNTIME_DIR: "/run",
  PATH: "/usr/bin",
  HTTP_PROXY: "http://me:secret@proxy",
  DATA_ROOT: "/usr",
  DAGU_VOLUME_VARIABLES: "OTHER, DATA_ROOT",
};

async function withBase(test: (base: string) => Promise<void>): Promise<void> {
  const base = await Deno.makeTempDir();
  try {
    await test(base);
  } finally {
    await Deno.remove(base, { recursive: true });
  }
}

const KINDS: [text: string, type: string, source: string, readOnly: boolean][] = [
  ["/tmp:/m", "bind", "/tmp", false],
  ["/usr/../tmp/:/m:ro", "bind", "/tmp", true],
  [".:/m", "bind", "BASE", false],
  ["./a/../b:/m:rw", "bind", "BASE/b", false],
  ["data/x:/m", "bind", "BASE/data/x", false],
  ["~:/m", "bind", "/tmp", false],
  ["$HOME:/m", "bind", "/tmp", false],
  ["${XDG_RUNTIME_DIR}:/m", "bind", "/run", false],
  ["$DATA_ROOT/bin:/m", "bind", "/usr/bin", false],
  ["cache:/m", "volume", "cache", false],
  ["my cache:/m:ro", "volume", "my cache", true],
];
for (const [text, type, source, readOnly] of KINDS) {
  Deno.test(`2.6 ${text} is a ${type} of ${source}`, () =>
    withBase(async (base) => {
      const mounts = await resolveMounts([text], { baseDir: base, hostEnv: HOST });
      const want = { type, source: source.replace("BASE", base), target: "/m", readOnly };
      assert.deepEqual(mounts, [want]);
    }));
}

Deno.test("2.6.6 missing sources are made below the base directory, with its owner", () =>
  withBase(async (base) => {
    await resolveMounts(["./a/b:/m"], { baseDir: base, hostEnv: {} });
    const [made, owner] = [await Deno.stat(`${base}/a/b`), await Deno.stat(base)];
    assert.ok(made.isDirectory);
    assert.deepEqual([made.uid, made.gid], [owner.uid, owner.gid]);
  }));

const REFUSED: [name: string, text: string, code: string, token: RegExp][] = [
  [
    "AC-50 a missing source elsewhere",
    "/tmp/no-such-folder/x:/m",
    "MOUNT_SOURCE_UNAVAILABLE",
    /\/tmp\/no-such-folder\/x/,
  ],
  [
    "2.6.6 a way out of the base directory",
    "../no-such-sibling:/m",
    "MOUNT_SOURCE_UNAVAILABLE",
    /no-such-sibling/,
  ],
  ["AC-51 an unset variable", "${AC51_UNSET}/x:/m", "MOUNT_INVALID", /volumes\[0\].*AC51_UNSET/],
  ["2.6.2 a variable that is set and not open", "$PATH:/m", "MOUNT_INVALID", /PATH/],
  ["2.6.2 a variable with a secret", "/x/$HTTP_PROXY:/m", "MOUNT_INVALID", /HTTP_PROXY/],
  ["2.6.1 a lone dollar", "/x$:/m", "MOUNT_INVALID", /volumes\[0\]/],
  ["2.6.1 a dollar and a digit", "/x/$1:/m", "MOUNT_INVALID", /volumes\[0\]/],
  ["2.6.1 an open brace", "/x/${HOME:/m", "MOUNT_INVALID", /volumes\[0\]/],
];
for (const [name, text, code, token] of REFUSED) {
  Deno.test(`${name} is ${code}, and nothing is made`, () =>
    withBase(async (base) => {
      const failure = await resolveMounts([text], { baseDir: base, hostEnv: HOST });
      assert.ok("code" in failure, JSON.stringify(failure));
      assert.equal(failure.code, code);
      assert.match(failure.message, token);
      assert.doesNotMatch(failure.message, /secret/);
      assert.deepEqual([...Deno.readDirSync(base)], []);
    }));
}

Deno.test("2.6.6 what is missing beside the base directory is not made, whatever it is called", () =>
  withBase(async (base) => {
    const mounts = await resolveMounts([`${base}-other/x:/m`], { baseDir: base, hostEnv: HOST });
    assert.equal("code" in mounts ? mounts.code : "", "MOUNT_SOURCE_UNAVAILABLE");
    await assert.rejects(Deno.stat(`${base}-other`));
  }));
