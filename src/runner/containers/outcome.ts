/** What engines add to how things end. */
import type { Failure } from "../../run/failure.ts";
import { failedWith, SETUP_EXIT_CODE } from "../../run/outcome.ts";
import type { Outcome } from "../../run/ports.ts";
import { stopReason } from "../../run/stop.ts";

/** A failure with the exit code that the step shows for it (0.3). */
export interface Diagnosis {
  readonly failure: Failure;
  readonly exitCode: number;
}

export type Made<T> = { readonly ok: true; readonly value: T } | {
  readonly ok: false;
  readonly error: Diagnosis;
};

export function failedBy({ failure, exitCode }: Diagnosis): Outcome {
  return failedWith(failure, exitCode);
}

export function unmade(
  failure: Failure,
  exitCode: number = SETUP_EXIT_CODE,
): { ok: false; error: Diagnosis } {
  return { ok: false, error: { failure, exitCode } };
}

/** What a stop means for the step; which it was is judged by the core, from the same signal. */
export function stopFailure(signal: AbortSignal): Failure {
  const reason = stopReason(signal);
  if (reason?.kind === "timeout") {
    const code = reason.scope === "step" ? "STEP_TIMEOUT" : "RUN_TIMEOUT";
    return { code, message: `stopped: timeout_sec of ${reason.limitMs / 1000} s passed`, remedy: "" };
  }
  const by = reason?.kind === "cancelled" ? ` by ${reason.by}` : "";
  return { code: "CANCELLED", message: `stopped${by}`, remedy: "" };
}
