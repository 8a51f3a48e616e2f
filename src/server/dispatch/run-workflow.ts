/** The workflow that a run executes: its own snapshot, whatever became of the file since. */
import { parseWorkflow, pickDocument } from "../../workflow/parse.ts";
import type { Workflow } from "../../workflow/workflow.ts";
import { getText } from "../store/blobs.ts";
import type { Executor } from "../store/db.ts";
import type { RunRow } from "../store/runs.ts";

/** null: the snapshot is gone, or of a version of the language that we do not read. */
export async function workflowOf(
  db: Executor,
  run: Pick<RunRow, "digest" | "document">,
): Promise<Workflow | null> {
  const text = await getText(db, run.digest);
  const stream = text === null ? null : parseWorkflow(text, "load").workflow;
  return stream === null ? null : pickDocument(stream, run.document);
}
