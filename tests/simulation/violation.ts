/** What a checker finds: which invariant of the control-plane contract (5.10) does not hold, and of what. */
import { RUN_STATUSES, type RunStatus } from "../../src/run/event.ts";
import type { SeenRun } from "./observed.ts";

export class Violation extends Error {
  constructor(readonly invariant: string, detail: string) {
    super(`${invariant}: ${detail}`);
    this.name = "Violation";
  }
}

export function ensure(invariant: string, holds: boolean, detail: string): void {
  if (!holds) throw new Violation(invariant, detail);
}

export const FINAL: readonly RunStatus[] = [
  "failed",
  "aborted",
  "succeeded",
  "partially_succeeded",
  "rejected",
];
export const LIVE: readonly string[] = ["claimed", "started", "cancelling"];

export function statusOf(run: Pick<SeenRun, "status">): RunStatus {
  const status = RUN_STATUSES[run.status];
  if (status === undefined) throw new Error(`there is no run status ${run.status}`);
  return status;
}

export function isFinal(run: Pick<SeenRun, "status">): boolean {
  return FINAL.includes(statusOf(run));
}

export function labelOf(run: SeenRun): string {
  return `${run.name}:${run.dag_run_id} (${statusOf(run)})`;
}
