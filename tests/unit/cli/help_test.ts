/** Every command's help shows how it is called, and each line of it is one that the command takes. */
import assert from "node:assert/strict";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type Command, GLOBAL } from "../../../src/cli/command.ts";
import { commandHelp } from "../../../src/cli/help.ts";

const folder = new URL("../../../src/cli/commands/", import.meta.url);

async function readCommands(): Promise<Map<string, Command>> {
  const commands = new Map<string, Command>();
  for (
    const { name } of [...Deno.readDirSync(fileURLToPath(folder))].sort((a, b) => a.name < b.name ? -1 : 1)
  ) {
    const { command }: { command?: Command } = await import(new URL(name, folder).href);
    if (command !== undefined) commands.set(basename(name, ".ts"), command);
  }
  return commands;
}

/** The words of a shell's line up to a redirection, without variables in front. */
function wordsOf(line: string): string[] {
  const words = [...line.matchAll(/'([^']*)'|(?:[^\s']|'[^']*')+/g)].map(([word, quoted]) =>
    quoted ?? word.replaceAll("'", "")
  );
  const end = words.findIndex((word) => word === ">" || word === "<");
  const called = end === -1 ? words : words.slice(0, end);
  return called.slice(called.findIndex((word) => !/^[A-Z_]+=/.test(word)));
}

Deno.test("C-03 each command's help has examples, and each of them is a line that it takes", async () => {
  const commands = await readCommands();
  assert.ok(commands.size > 35, "all commands are found");
  for (const [name, command] of commands) {
    assert.ok(command.usage.startsWith(name), name);
    assert.ok(command.examples.length > 0, `${name} has no example`);
    const help = commandHelp(command, GLOBAL);
    for (const example of command.examples) {
      assert.ok(help.includes(`\n  ${example}\n`), example);
      const [program, called, ...args] = wordsOf(example);
      assert.deepEqual([program, called], ["dagu", name], example);
      const end = args.indexOf("--");
      const options = Object.fromEntries(
        Object.entries({ ...GLOBAL, ...command.options }).map(([key, { type, short, multiple = false }]) => [
          key,
          { type, multiple, ...(short === undefined ? {} : { short }) },
        ]),
      );
      const own = end === -1 ? args : args.slice(0, end);
      const { positionals } = parseArgs({ args: own, options, allowPositionals: true, strict: true });
      const [least, most] = command.arguments;
      assert.ok(positionals.length >= least && positionals.length <= most, example);
      assert.ok(end === -1 || command.usage.includes("-- "), example);
    }
  }
});
