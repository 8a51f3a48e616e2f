import assert from "node:assert/strict";
import { join } from "node:path";
import { UserError } from "../../../src/cli/command.ts";
import { readWorkflowFile } from "../../../src/cli/workflow-file.ts";

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "dagu-file-" });
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("readWorkflowFile: C-04 a path, a path without extension, a name of the folder", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(join(folder, "a.yaml"), "\uFEFFsteps: []\n");
    await Deno.writeTextFile(join(folder, "b.yml"), "steps: [1]\n");
    const read = async (argument: string): Promise<string> => (await readWorkflowFile(argument, folder)).text;
    assert.equal(await read(join(folder, "a.yaml")), "steps: []\n");
    assert.equal(await read(join(folder, "a")), "steps: []\n");
    assert.equal(await read("b"), "steps: [1]\n");
    await assert.rejects(read("c"), /there is no workflow file c \(looked for c, c\.yaml/);
    await assert.rejects(read(folder), UserError);
  }));

Deno.test("readWorkflowFile: F-10 bytes that are no UTF-8 are told with their place", () =>
  inFolder(async (folder) => {
    const path = join(folder, "x.yaml");
    await Deno.writeFile(path, new Uint8Array([0x61, 0x0a, 0x62, 0xff, 0x41]));
    await assert.rejects(
      readWorkflowFile(path, folder),
      new UserError(`${path}:2:2: yaml must be UTF-8 text, and this is none`),
    );
  }));

Deno.test("readWorkflowFile: C-04 a pipe is a file, too; one that has no end is refused", () =>
  inFolder(async (folder) => {
    const pipe = join(folder, "pipe");
    await new Deno.Command("mkfifo", { args: [pipe] }).output();
    const writer = new Deno.Command("sh", { args: ["-c", `echo 'steps: []' > "$0"`, pipe] }).output();
    assert.equal((await readWorkflowFile(pipe, folder)).text, "steps: []\n");
    await writer;
    await assert.rejects(
      readWorkflowFile("/dev/zero", folder),
      /cannot read \/dev\/zero: it has \d+ bytes or more/,
    );
  }));
