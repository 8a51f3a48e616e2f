/** Which runner a run asks for (M3): every key of its selector equals the runner's label. */
import * as v from "valibot";
import type { RunRow } from "../store/runs.ts";
import { type Refusal, refuse } from "./refusal.ts";

export type Labels = Readonly<Record<string, string>>;

/** Which runner is to take a run that somebody asks for, or asks to be taken up again. */
export interface RunnerChoice {
  /** Beside what the run itself asks for. */
  readonly selector: Labels;
  /** Of the only runner that is to take it, the caller's own; absent: whoever matches, now or later. */
  readonly runnerLabels?: Labels;
}

const Selector = v.record(v.string(), v.string());

/** The labels that a run asks of its runner. */
export function readSelector({ selector }: Pick<RunRow, "selector">): Record<string, string> {
  return v.parse(Selector, selector);
}

/** The key by which `dagu start` keeps a run for its own runner, which is gone when the run is taken up again. */
export const OWN_MARK = "dagu-start";

/** What a run asks for that is taken up again. */
export function selectorOf(run: Pick<RunRow, "selector">, given: Labels): Labels {
  const kept = Object.entries(readSelector(run)).filter(([key]) => key !== OWN_MARK);
  return { ...Object.fromEntries(kept), ...given };
}

/** A label whose value is this stands for every value. */
const ANY = "*";

/** What of the selector the labels do not give, as `key=value`. */
export function lackingLabels(selector: Labels, labels: Labels): string[] {
  return Object.entries(selector)
    .filter(([key, value]) => {
      const label = labels[key] ?? labels[`!${key}`];
      return label !== value && label !== ANY;
    })
    .map(([key, value]) => `${key}=${value}`);
}

/** Why the only runner that is to take a run may not: it would wait for ever. */
export function refuseLacking(
  selector: Labels,
  { runnerLabels }: Pick<RunnerChoice, "runnerLabels">,
): Refusal | null {
  const lacking = runnerLabels === undefined ? [] : lackingLabels(selector, runnerLabels);
  return lacking.length === 0 ? null : refuse(
    "bad_request",
    `worker_selector asks for ${lacking.join(", ")}, which this runner is not (DAGU_RUNNER_LABELS); ` +
      "start it on a server that has such a runner",
  );
}

/** The same of a run that is taken up again. */
export function refuseChoice(run: Pick<RunRow, "selector">, choice: RunnerChoice): Refusal | null {
  return refuseLacking(selectorOf(run, {}), choice);
}

/** Labels that a run must select to be given to this runner (`!key`), as `key=value`, when it does not. */
export function unselectedLabels(selector: Labels, labels: Labels): string[] {
  return Object.entries(labels)
    .filter(([key, value]) =>
      key.startsWith("!") &&
      (value === ANY ? selector[key.slice(1)] === undefined : selector[key.slice(1)] !== value)
    )
    .map(([key, value]) => `${key.slice(1)}=${value}`);
}
