import { basename, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Command, UserError, writeOut } from "../command.ts";
import { formatTable } from "./table.ts";

const EXAMPLES = fileURLToPath(new URL("../../../examples", import.meta.url));

export const command: Command = {
  usage: "example [ID]",
  summary: "Lists the example workflows, or prints the one of that id: dagu example hello > hello.yaml",
  examples: ["dagu example hello > hello.yaml"],
  options: {},
  arguments: [0, 1],
  run: async ({ positionals: [id] }) => {
    const examples = await readExamples();
    if (id === undefined) {
      writeOut(formatTable(["ID", "DESCRIPTION"], await Promise.all(examples.map(toRow))));
      return 0;
    }
    const found = examples.find((one) => one.id === id);
    if (found === undefined) {
      throw new UserError(
        `there is no example "${id}"; there are ${examples.map((one) => one.id).join(", ")}`,
      );
    }
    writeOut(found.text.trimEnd());
    return 0;
  },
};

interface Example {
  readonly id: string;
  readonly text: string;
}

async function readExamples(): Promise<Example[]> {
  const examples: Example[] = [];
  for await (const { name } of Deno.readDir(EXAMPLES)) {
    if (extname(name) !== ".yaml") continue;
    examples.push({ id: basename(name, ".yaml"), text: await Deno.readTextFile(join(EXAMPLES, name)) });
  }
  return examples.sort((a, b) => a.id < b.id ? -1 : 1);
}

async function toRow({ id, text }: Example): Promise<string[]> {
  const { parseWorkflow } = await import("../../workflow/parse.ts");
  const { workflow } = parseWorkflow(text, "load");
  const steps = workflow?.steps.map(({ name }) => name) ?? [];
  return [id, workflow?.description ?? `Its steps: ${steps.join(", ")}.`];
}
