import { readWorkflowFile, type WorkflowFile } from "../workflow-file.ts";
import type { Workflow } from "../../workflow/workflow.ts";
import { type Context, type Option, UserError } from "../command.ts";
import type { Connection } from "../connect.ts";
import { runPath } from "../run-json.ts";

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

export const RUN_OPTIONS: Readonly<Record<string, Option>> = {
  "run-id": { type: "string", short: "r", value: "ID", help: "run id (default: the latest)" },
  "sub-run-id": {
    type: "string",
    short: "s",
    value: "ID",
    help: "a run that it, or one below it, started",
  },
};

/** Which run of a workflow the flags mean. */
export interface AskedRun {
  readonly dagRunId: string;
  /** null: that run itself. */
  readonly subRunId: string | null;
}

export function readAskedRun({ flags }: Pick<Context, "flags">): AskedRun {
  const [runId, subRunId] = [flags.text("run-id"), flags.text("sub-run-id")];
  if (subRunId !== null && runId === null) throw new UserError("--sub-run-id needs --run-id");
  return { dagRunId: runId ?? "latest", subRunId };
}

/** Its path below `/api/v1`. */
export function askedPath(name: string, { dagRunId, subRunId }: AskedRun): string {
  const below = subRunId === null ? "" : `/sub-dag-runs/${encodeURIComponent(subRunId)}`;
  return `${runPath({ name, dagRunId })}${below}`;
}

/** The API's answer about that run. */
export async function getAskedRun(
  { api, home }: Connection,
  argument: string,
  asked: AskedRun,
): Promise<unknown> {
  return await api.get(askedPath(await workflowNameOf(argument, home.dagsDir), asked));
}
