import { readWorkflowFile, type WorkflowFile } from "../workflow-file.ts";
import type { Workflow } from "../../workflow/workflow.ts";
import { UserError } from "../command.ts";

/**
 * The name of the workflow that an argument means (C-04): the one that its file gives itself, else the stem of the file; a
 * name for which there is no file is a name.
 */
export async function workflowNameOf(argument: string, dagsDir: string): Promise<string> {
  return (await findWorkflow(argument, dagsDir))?.name ?? argument;
}

export interface FoundWorkflow {
  readonly name: string;
  /** null: its file has problems. */
  readonly workflow: Workflow | null;
}

/** null: there is no such file. */
export async function findWorkflow(argument: string, dagsDir: string): Promise<FoundWorkflow | null> {
  const file = await findFile(argument, dagsDir);
  if (file === null) return null;
  const { parseWorkflow } = await import("../../workflow/parse.ts");
  const { workflow } = parseWorkflow(file.text, "load");
  return { name: workflow?.name ?? file.stem, workflow };
}

async function findFile(argument: string, dagsDir: string): Promise<WorkflowFile | null> {
  try {
    return await readWorkflowFile(argument, dagsDir);
  } catch (error) {
    // What is wrong with a file that is there does not matter to who asks for its runs.
    if (error instanceof UserError) return null;
    throw error;
  }
}
