/** What `resources.limits` do not reach: processes of the host. */
import type { Step, Workflow } from "./workflow.ts";

const PROCESSES: ReadonlySet<string> = new Set(["run", "exec", "harness.run"]);
const SHOWN = 5;

/** What is told of steps that run without the limits; null: there are none. */
export function unlimitedNote(
  { resources, steps, handlers }: Pick<Workflow, "resources" | "steps" | "handlers">,
): string | null {
  if (resources.cpu === null && resources.memoryBytes === null) return null;
  const names = [...steps, ...Object.values(handlers)].filter(isProcess).map(({ name }) => name);
  if (names.length === 0) return null;
  const shown = names.length > SHOWN ? `${names.slice(0, SHOWN).join(", ")}, ...` : names.join(", ");
  return `resources.limits are not supported for processes of the host, only for containers: ${shown}`;
}

function isProcess(step: Step): boolean {
  return step.action.name === "foreach"
    ? step.action.steps.some(isProcess)
    : step.place === "host" && PROCESSES.has(step.action.name);
}
