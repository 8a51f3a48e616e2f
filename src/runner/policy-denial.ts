import type { Failure } from "../run/failure.ts";

/** Names the rule, never what it lists (PO-01). */
export function denied(rule: string, what: string): Failure {
  return {
    code: "POLICY_DENIED",
    message: `the runner's policy does not allow ${what} (rule ${rule})`,
    remedy: `whoever runs this runner decides: ${rule} in the file that DAGU_RUNNER_POLICY names`,
  };
}
