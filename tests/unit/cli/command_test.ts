import assert from "node:assert/strict";
import { type Command, writeBytes } from "../../../src/cli/command.ts";
import { dagu } from "../../support/dagu.ts";

const BYTES = new TextEncoder().encode("abcdef");

Deno.test("writeBytes: C-02 goes on until everything is written", () => {
  let written = "";
  writeBytes({
    writeSync: (bytes) => {
      written += new TextDecoder().decode(bytes.subarray(0, 2));
      return Math.min(2, bytes.length);
    },
  }, BYTES);
  assert.equal(written, "abcdef");
});

Deno.test("writeBytes: C-01 a reader that has gone is no failure, anything else is", () => {
  const failing = (error: Error) => ({
    writeSync: (): number => {
      throw error;
    },
  });
  writeBytes(failing(new Deno.errors.BrokenPipe("gone")), BYTES);
  assert.throws(() => writeBytes(failing(new Error("disk full")), BYTES), /disk full/);
});

Deno.test("commands: C-01 each that the help names has its file, and is the one that its file says it is", async () => {
  const { stdout } = await dagu({ args: ["--help"], env: {} });
  const [, list = ""] = stdout.split("Commands\n");
  const names = (list.split("\n\n")[0] ?? "").split("\n").map((line) => line.trim().split(" ")[0] ?? "");
  assert.ok(names.length > 30, stdout);
  for (const name of names) {
    const { command }: { command: Command } = await import(`../../../src/cli/commands/${name}.ts`);
    assert.match(command.usage, new RegExp(`^${name}(?: |$)`));
  }
});
