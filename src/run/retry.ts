/** Which steps of a run that ended are to run again (workflow-language contract 5.14). Pure. */
import { startOver, type StepState } from "./state.ts";

interface Node {
  readonly name: string;
  readonly id: string | null;
  readonly depends: readonly string[];
}

export type RetryScope =
  /** What did not end well, and everything downstream of it. */
  | { readonly kind: "failed" }
  /** One step, by id or name; with `downstream` everything that depends on it too. */
  | { readonly kind: "step"; readonly step: string; readonly downstream: boolean }
  /** Nothing: a person has acted, and the rest goes on. */
  | { readonly kind: "rest" };

const GOOD = ["succeeded", "partially_succeeded", "skipped"];

/** The steps as the next attempt finds them; the name of a step that does not exist. */
export function resetForRetry(
  steps: readonly StepState[],
  graph: readonly Node[],
  scope: RetryScope,
): readonly StepState[] | string {
  switch (scope.kind) {
    case "rest":
      return steps;
    case "failed": {
      const bad = steps.filter((step) => !GOOD.includes(step.status)).map((step) => step.name);
      const again = downstreamOf(bad, graph);
      return steps.map((step) => again.has(step.name) ? startOver(step) : step);
    }
    case "step": {
      const node = graph.find(({ id, name }) => id === scope.step || name === scope.step);
      if (node === undefined) return scope.step;
      const again = scope.downstream ? downstreamOf([node.name], graph) : new Set([node.name]);
      return steps.map((step) => again.has(step.name) ? startOver(step) : leaveOut(step));
    }
    default:
      return scope satisfies never;
  }
}

/** What is left out of a partial retry does not run and does not block (4.3). */
function leaveOut(step: StepState): StepState {
  if (step.status !== "not_started" && step.status !== "aborted") return { ...step, isContinued: true };
  return { ...step, status: "skipped", reason: "left out of the retry", isContinued: true };
}

/** The steps themselves, and everything that depends on them. */
export function downstreamOf(
  names: readonly string[],
  graph: readonly Pick<Node, "name" | "depends">[],
): ReadonlySet<string> {
  const dependents = new Map<string, string[]>();
  for (const { name, depends } of graph) {
    for (const upstream of depends) {
      const known = dependents.get(upstream) ?? [];
      known.push(name);
      dependents.set(upstream, known);
    }
  }
  const found = new Set(names);
  const open = [...names];
  for (let at = 0; at < open.length; at++) {
    for (const name of dependents.get(open[at] ?? "") ?? []) {
      if (found.has(name)) continue;
      found.add(name);
      open.push(name);
    }
  }
  return found;
}
