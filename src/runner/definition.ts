import { sha256 } from "../workflow/digest.ts";
import type { Grant } from "../protocol/grant.ts";
import { parseWorkflow, pickDocument } from "../workflow/parse.ts";
import { errorLines } from "../workflow/problem.ts";
import type { Workflow } from "../workflow/workflow.ts";

/** The workflow of a claimed text, which must be the text that its digest names; otherwise every problem in it. */
export async function readDefinition(
  definition: Grant["definition"],
  name: string,
): Promise<{ readonly workflow: Workflow } | { readonly problem: string }> {
  // It becomes a folder here.
  if (/[/\\\0]|^\.{0,2}$/.test(name)) return { problem: `${JSON.stringify(name)} is not a workflow's name` };
  const digest = `sha256:${await sha256(definition.yaml)}`;
  if (digest !== definition.digest) {
    return { problem: `the definition's text has digest ${digest}, not ${definition.digest}` };
  }
  const { workflow, problems } = parseWorkflow(definition.yaml, "load");
  if (workflow !== null) {
    const chosen = pickDocument(workflow, definition.document);
    return chosen === null
      ? { problem: `there is no document "${definition.document}"` }
      : { workflow: chosen };
  }
  return { problem: errorLines(problems, name).join("\n") };
}
