/** What a step that waits for a person may and may not say (S-115, S-122). */
import type { Findings } from "./assemble.ts";
import type { Path } from "./document.ts";
import { ancestorsOf, indexSteps } from "./graph.ts";
import type { PlacedStep, Targets } from "./identity.ts";
import type { WrittenStep } from "./schema/step.ts";
import type { Step } from "./workflow.ts";

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

/** Where nobody could be waited for: a person decides about steps of the workflow itself. */
export function refuseWaiting(step: WrittenStep, place: string, path: Path, findings: Findings): boolean {
  if (step.action?.trim() === "human.task") {
    findings.report(path, `action human.task cannot be used in ${place}`, "use it in a step of its own");
    return true;
  }
  if (step.approval === null) return false;
  const at = [...path, "approval"];
  findings.report(at, `approval cannot be used in ${place}`, "use it in a step of its own");
  return true;
}

/** `rewind_to` is an id or a name of this step or of one upstream; afterwards it is the name. */
export function readRewinds(
  steps: readonly Step[],
  placed: readonly PlacedStep[],
  targets: Targets,
  findings: Findings,
): readonly Step[] {
  if (steps.every((step) => (step.approval?.rewindTo ?? null) === null)) return steps;
  const byName = indexSteps(steps);
  return steps.map((step, index) => {
    const written = step.approval?.rewindTo ?? null;
    if (step.approval === null || written === null) return step;
    const rewindTo = targets.nameOf(written);
    if (
      rewindTo !== undefined && (rewindTo === step.name || ancestorsOf(step.name, byName).includes(rewindTo))
    ) {
      return { ...step, approval: { ...step.approval, rewindTo } };
    }
    findings.report(
      [...placed[index]?.path ?? [], "approval", "rewind_to"],
      rewindTo === undefined
        ? `approval.rewind_to names the non-existent step "${written}"`
        : `approval.rewind_to: step "${written}" is not upstream of this step`,
      "name a step that this one depends on, directly or not",
    );
    return step;
  });
}
