import type { Step } from "./workflow.ts";

/** What a step asks of a person, as an object schema in the order in which the author wrote it; null: nothing. */
export function formOf({ action, approval }: Step): Readonly<Record<string, unknown>> | null {
  if (action.name === "human.task") return action.form?.schema ?? null;
  if (approval === null) return null;
  return {
    type: "object",
    properties: Object.fromEntries(approval.input.map((name) => [name, { type: "string" }])),
    required: [...approval.required],
  };
}
