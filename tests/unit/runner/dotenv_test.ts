import assert from "node:assert/strict";
import { join } from "node:path";
import { loadDotenv } from "../../../src/runner/dotenv.ts";

async function withFolders(
  test: (working: string, source: string) => Promise<void>,
): Promise<void> {
  const [working, source] = [await Deno.makeTempDir(), await Deno.makeTempDir()];
  try {
    await test(working, source);
  } finally {
    await Deno.remove(working, { recursive: true });
    await Deno.remove(source, { recursive: true });
  }
}

Deno.test("loadDotenv: P-31 the working directory first, then the workflow's folder; missing files are nothing", () =>
  withFolders(async (working, source) => {
    await Deno.writeTextFile(join(source, ".env"), "K=source");
    assert.deepEqual(await loadDotenv([".env", "none.env"], [working, source], {}), {
      values: { K: "source" },
      warnings: [],
    });
    await Deno.writeTextFile(join(working, ".env"), "K=working");
    assert.deepEqual((await loadDotenv([".env"], [working, source], {})).values, { K: "working" });
    const absolute = await loadDotenv([join(source, ".env")], [working], {});
    assert.deepEqual(absolute.values, { K: "source" });
  }));

Deno.test("loadDotenv: P-32, P-34 later files win, and see the earlier ones and the environment", () =>
  withFolders(async (working) => {
    await Deno.writeTextFile(join(working, "a.env"), "A=1\nB=${OUTER}");
    await Deno.writeTextFile(join(working, "b.env"), "A=${A}2\nC='${A}'");
    const { values } = await loadDotenv(["a.env", "b.env"], [working], { OUTER: "out" });
    assert.deepEqual({ ...values }, { A: "12", B: "out", C: "${A}" });
  }));

Deno.test("loadDotenv: P-31 what is malformed or unreadable is left out and told", () =>
  withFolders(async (working) => {
    await Deno.writeTextFile(join(working, "bad.env"), "A=1\nnonsense here");
    await Deno.writeFile(join(working, "bytes.env"), new Uint8Array([0x41, 0x3d, 0xff]));
    await Deno.writeTextFile(join(working, "good.env"), "B=2");
    await Deno.mkdir(join(working, ".env"));
    const { values, warnings } = await loadDotenv(
      [".env", "bad.env", "bytes.env", "good.env"],
      [working],
      {},
    );
    assert.deepEqual(values, { B: "2" });
    assert.equal(warnings.length, 2);
    assert.match(warnings[0] ?? "", /bad\.env.*line 2/);
    assert.match(warnings[1] ?? "", /bytes\.env.*UTF-8/);
  }));
