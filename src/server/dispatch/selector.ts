import * as v from "valibot";
import type { RunRow } from "../store/runs.ts";

const Selector = v.record(v.string(), v.string());

/** The labels that a run asks of its runner. */
export function readSelector({ selector }: Pick<RunRow, "selector">): Record<string, string> {
  return v.parse(Selector, selector);
}
