/** The dependency graph of a document's steps: order, ancestors, cycles. Linear in steps and edges. */
import type { Step } from "./workflow.ts";

type Node = Pick<Step, "name" | "depends">;

/** Step names along one cycle, the first repeated at the end; null when there is none (S-16). */
export function findCycle(steps: readonly Node[]): readonly string[] | null {
  const byName = new Map(steps.map((step) => [step.name, step]));
  const state = new Map<string, "open" | "done">();
  for (const root of steps) {
    if (state.has(root.name)) continue;
    // An explicit stack: a chain of 10,000 steps must not exhaust the call stack.
    const path: { readonly step: Node; next: number }[] = [{ step: root, next: 0 }];
    state.set(root.name, "open");
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const name = top.step.depends[top.next++];
      if (name === undefined) {
        state.set(top.step.name, "done");
        path.pop();
        continue;
      }
      const step = byName.get(name);
      if (step === undefined || state.get(name) === "done") continue;
      if (state.get(name) === "open") {
        const start = path.findIndex((entry) => entry.step.name === name);
        return [...path.slice(start).map((entry) => entry.step.name), name];
      }
      state.set(name, "open");
      path.push({ step, next: 0 });
    }
  }
  return null;
}

/** The same, also among the steps of a foreach body, which depend on each other only (S-112). */
export function findCycleAnywhere(steps: readonly Step[]): readonly string[] | null {
  const own = findCycle(steps);
  if (own !== null) return own;
  for (const { action } of steps) {
    const inside = action.name === "foreach" ? findCycleAnywhere(action.steps) : null;
    if (inside !== null) return inside;
  }
  return null;
}

/**
 * Every step upstream of `name`, nearest first: breadth first, in the written order of `depends`, each once (V-43).
 * Callers that build an index once pass the result of `indexSteps`.
 */
export function ancestorsOf(
  name: string,
  steps: readonly Node[] | ReadonlyMap<string, Node>,
): readonly string[] {
  const byName = steps instanceof Map ? steps : indexSteps(steps as readonly Node[]);
  const seen = new Set<string>();
  const queue = [...(byName.get(name)?.depends ?? [])];
  for (let i = 0; i < queue.length; i++) {
    const next = queue[i];
    if (next === undefined || seen.has(next)) continue;
    seen.add(next);
    queue.push(...(byName.get(next)?.depends ?? []));
  }
  seen.delete(name);
  return [...seen];
}

/** Whether `wanted` is upstream of `name`: looked for from near to far, as what a step refers to mostly is near. */
export function isAncestor(wanted: string, name: string, steps: ReadonlyMap<string, Node>): boolean {
  if (wanted === name) return false;
  const queue = [...(steps.get(name)?.depends ?? [])];
  const seen = new Set(queue);
  for (let i = 0; i < queue.length; i++) {
    const next = queue[i] ?? "";
    if (next === wanted) return true;
    for (const upstream of steps.get(next)?.depends ?? []) {
      if (seen.has(upstream)) continue;
      seen.add(upstream);
      queue.push(upstream);
    }
  }
  return false;
}

export function indexSteps<N extends Node>(steps: readonly N[]): ReadonlyMap<string, N> {
  return new Map(steps.map((step) => [step.name, step]));
}
