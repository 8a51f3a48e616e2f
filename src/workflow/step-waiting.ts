/** What a step that waits for a person may and may not say (S-115). */
import type { Findings } from "./assemble.ts";
import type { Path } from "./document.ts";
import type { WrittenStep } from "./schema/step.ts";

const TASK_FIELDS: ReadonlySet<string> = new Set([
  "id",
  "name",
  "description",
  "depends",
  "preconditions",
  "continue_on",
  "action",
  "with",
  "env",
]);

export function checkHumanTask(step: WrittenStep, path: Path, findings: Findings): void {
  if (step.action?.trim() !== "human.task") return;
  if (step.id === null) {
    findings.report(path, "action human.task requires an explicit step id", "add id: NAME");
  }
  for (const field of step.written) {
    if (TASK_FIELDS.has(field)) continue;
    findings.report([...path, field], `action human.task does not support ${field}`, `remove ${field}`);
  }
}
