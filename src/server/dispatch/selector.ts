/** Which runner a run asks for (M3): every key of its selector equals the runner's label. */
import * as v from "valibot";
import type { RunRow } from "../store/runs.ts";

const Selector = v.record(v.string(), v.string());

/** The labels that a run asks of its runner. */
export function readSelector({ selector }: Pick<RunRow, "selector">): Record<string, string> {
  return v.parse(Selector, selector);
}

/** A label whose value is this stands for every value. */
const ANY = "*";

/** What of the selector the labels do not give, as `key=value`. */
export function lackingLabels(
  selector: Readonly<Record<string, string>>,
  labels: Readonly<Record<string, string>>,
): string[] {
  return Object.entries(selector)
    .filter(([key, value]) => {
      const label = labels[key] ?? labels[`!${key}`];
      return label !== value && label !== ANY;
    })
    .map(([key, value]) => `${key}=${value}`);
}

/** Labels that a run must select to be given to this runner (`!key`), as `key=value`, when it does not. */
export function unselectedLabels(
  selector: Readonly<Record<string, string>>,
  labels: Readonly<Record<string, string>>,
): string[] {
  return Object.entries(labels)
    .filter(([key, value]) =>
      key.startsWith("!") &&
      (value === ANY ? selector[key.slice(1)] === undefined : selector[key.slice(1)] !== value)
    )
    .map(([key, value]) => `${key.slice(1)}=${value}`);
}
