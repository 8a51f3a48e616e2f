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

for (
  const [name, bytes] of [["bytes that are no UTF-8", [0xff, 0xfe, 0x41]], ["NUL", [0x61, 0, 0x62]]] as const
) {
  Deno.test(`readWorkflowFile: a file with ${name} is no text, and says so`, () =>
    inFolder(async (folder) => {
      const path = join(folder, "x.yaml");
      await Deno.writeFile(path, new Uint8Array(bytes));
      await assert.rejects(readWorkflowFile(path, folder), /is not a text file: a workflow is YAML in UTF-8/);
    }));
}
