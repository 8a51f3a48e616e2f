/** The string outputs of a whole run: what a parent sees of its child (S-131), and what is kept of the run (S-57). */
import type { RunState, StepState } from "./state.ts";

type Publisher = Pick<StepState, "variables" | "outputs">;

/** Under the names that the workflow gives them, by which a parent asks for them; the last writer wins. */
export function publishedBy(steps: readonly Publisher[]): Record<string, string> {
  const published: Record<string, string> = {};
  for (const { variables, outputs } of steps) Object.assign(published, variables, outputs);
  return published;
}

/** The same as they are kept: `BUILD_TAG` as `buildTag`. */
export function collectOutputs(steps: readonly Publisher[]): Record<string, string> {
  return Object.fromEntries(
    Object.entries(publishedBy(steps)).map(([name, value]) => [lowerCamel(name), value]),
  );
}

/** Init handler, steps, other handlers. */
export function inOutputOrder(state: Pick<RunState, "steps" | "handlers">): readonly StepState[] {
  const [init, others] = [
    state.handlers.filter((node) => node.name === "onInit"),
    state.handlers.filter((node) => node.name !== "onInit"),
  ];
  return [...init, ...state.steps, ...others];
}

/** Other spellings stay. */
function lowerCamel(name: string): string {
  if (!/^[A-Z][A-Z0-9_]*$/.test(name)) return name;
  return name.toLowerCase().replace(/_+([a-z0-9])/g, (_match, letter: string) => letter.toUpperCase());
}

/** Rows, each of which knows whether it is a handler, in that order. */
export function rowsInOutputOrder(
  rows: readonly (StepState & { readonly isHandler: boolean })[],
): readonly StepState[] {
  const handlers = rows.filter((row) => row.isHandler);
  const steps = rows.filter((row) => !row.isHandler);
  return inOutputOrder({ steps, handlers });
}
