/** The string outputs of a whole run (S-57): what a parent sees of its child. */
import type { RunState, StepState } from "./state.ts";

/** Variables under their lowerCamel names, declared outputs under their own; the last writer wins. */
export function collectOutputs(
  steps: readonly Pick<StepState, "variables" | "outputs">[],
): Record<string, string> {
  const collected: Record<string, string> = {};
  for (const step of steps) {
    for (const [name, value] of Object.entries(step.variables)) collected[lowerCamel(name)] = value;
    Object.assign(collected, step.outputs);
  }
  return collected;
}

/** Init handler, steps, other handlers. */
export function inOutputOrder(state: Pick<RunState, "steps" | "handlers">): readonly StepState[] {
  const [init, others] = [
    state.handlers.filter((node) => node.name === "onInit"),
    state.handlers.filter((node) => node.name !== "onInit"),
  ];
  return [...init, ...state.steps, ...others];
}

/** `BUILD_TAG` becomes `buildTag`; other spellings stay. */
function lowerCamel(name: string): string {
  if (!/^[A-Z][A-Z0-9_]*$/.test(name)) return name;
  return name.toLowerCase().replace(/_+([a-z0-9])/g, (_match, letter: string) => letter.toUpperCase());
}

/** The same of rows, each of which knows whether it is a handler. */
export function outputsOf(
  rows: readonly (StepState & { readonly isHandler: boolean })[],
): Record<string, string> {
  const handlers = rows.filter((row) => row.isHandler);
  const steps = rows.filter((row) => !row.isHandler);
  return collectOutputs(inOutputOrder({ steps, handlers }));
}
