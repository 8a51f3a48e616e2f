/** Which outputs a step is known to publish (V-56). */
import { isNamedAction, NAMED_ACTIONS } from "./actions/names.ts";
import type { Step } from "./workflow.ts";

/** `any`: only the run can tell. */
export function publishedNames(step: Step): ReadonlySet<string> | "any" {
  const { action } = step;
  if (action.name === "dag.run") return "any";
  const fixed = isNamedAction(action.name) ? NAMED_ACTIONS[action.name].outputs : [];
  if (fixed === "any") return "any";
  return new Set([
    ...fixed,
    ...step.outputs.map((output) => output.name),
    ...Object.keys(step.stdout.outputs),
    ...Object.keys(step.outputObject ?? {}),
    ...(action.name === "human.task" ? action.form?.fields.map((field) => field.name) ?? [] : []),
  ]);
}
