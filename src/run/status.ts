/** The run's final status from its steps (workflow-language contract 5.3, first rule that applies). */
import type { RunStatus } from "./event.ts";
import type { StepState } from "./state.ts";

/** How an attempt ends. `waiting`: the run goes on once a person has acted. */
export type FinalStatus = "failed" | "aborted" | "succeeded" | "partially_succeeded" | "rejected" | "waiting";

export interface StatusFacts {
  /** A stop was asked for, the init handler failed, or the workflow's preconditions were not met. */
  readonly isStopped: boolean;
  /** An error beside the steps: the run's time limit. */
  readonly hasError: boolean;
}

export function deriveStatus(steps: readonly StepState[], facts: StatusFacts): FinalStatus {
  const isWell = (step: StepState): boolean =>
    step.status === "succeeded" || step.status === "skipped" || step.status === "partially_succeeded";
  if (facts.isStopped && !(steps.length > 0 && steps.every(isWell))) return "aborted";

  if (steps.some((step) => step.status === "rejected")) return "rejected";
  if (steps.some((step) => step.status === "waiting") && !facts.hasError) return "waiting";

  const hasSuccess = steps.some((step) =>
    step.status === "succeeded" || step.status === "partially_succeeded"
  );
  const isAllowed = (step: StepState): boolean => step.status === "failed" && step.isContinued;
  const hasAllowed = steps.some((step) => isAllowed(step) || step.status === "partially_succeeded");
  const hasFailed = facts.hasError || steps.some((step) => step.status === "failed" && !step.isContinued);
  if (hasSuccess && hasAllowed && !hasFailed) return "partially_succeeded";

  return hasFailed || steps.some((step) => step.status === "failed") ? "failed" : "succeeded";
}

/** No event will change a run in this status any more, short of a retry. */
export function isFinal(status: RunStatus): boolean {
  return ["failed", "aborted", "succeeded", "partially_succeeded", "rejected"].includes(status);
}

/**
 * Whether nothing follows in the log of a step, short of a retry; null: nobody knows the step. Its bytes arrive before its
 * end is told, and those of all steps before it is told that the run waits.
 */
export function isLogOver(
  runStatus: RunStatus,
  step: Pick<StepState, "status" | "startedAt" | "finishedAt"> | null,
): boolean {
  if (isFinal(runStatus)) return true;
  if (step === null || step.startedAt === null) return false;
  return runStatus === "waiting" || (step.finishedAt !== null && step.status !== "retrying");
}
