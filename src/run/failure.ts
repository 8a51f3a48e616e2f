import * as v from "valibot";

/**
 * Why a step or a run did not succeed: the closed set that the API, the CLI, the pages and the log share.
 * Container classes are those of the containers contract, 0.4; run-level reasons are LO-09 of the control plane's.
 */
export const FAILURE_CODES = [
  "SPEC_INVALID",
  "INPUT_INVALID",
  "RUNTIME_CONFIG_INVALID",
  "ENGINE_UNREACHABLE",
  "ENGINE_PERMISSION",
  "ENGINE_PROTOCOL",
  "ENGINE_LOST",
  "IMAGE_REFERENCE_INVALID",
  "IMAGE_MISSING",
  "IMAGE_PULL_FAILED",
  "IMAGE_AUTH_FAILED",
  "IMAGE_PLATFORM_MISMATCH",
  "MOUNT_INVALID",
  "MOUNT_SOURCE_UNAVAILABLE",
  "PORT_IN_USE",
  "NETWORK_UNKNOWN",
  "NAME_IN_USE",
  "USER_UNKNOWN",
  "OCI_RUNTIME",
  "COMMAND_NOT_FOUND",
  "COMMAND_NOT_EXECUTABLE",
  "CONTAINER_NOT_RUNNING",
  "CONTAINER_LOST",
  "READINESS_TIMEOUT",
  "READINESS_FAILED",
  "COMMAND_FAILED",
  "OOM_KILLED",
  "STEP_TIMEOUT",
  "RUN_TIMEOUT",
  "CANCELLED",
  "RUNNER_SHUTDOWN",
  "POLICY_DENIED",
  "PRECONDITION_ERROR",
  "OUTPUT_INVALID",
  "ACTION_FAILED",
  "GRAPH_CYCLIC",
  "HANDLER_FAILED",
  "RUNNER_LOST",
  "RUNNER_RESTARTED",
  "LEASE_LOST",
  "START_TIMEOUT",
  "DISPATCH_EXHAUSTED",
  "SPOOL_FAILED",
  "INTERNAL",
] as const;

export const FailureCode = v.picklist(FAILURE_CODES);
export type FailureCode = v.InferOutput<typeof FailureCode>;

/** A failure as data. It travels in events, so it holds no secret and no credential. */
export const Failure = v.object({
  code: FailureCode,
  /** What failed, naming the thing. */
  message: v.string(),
  /** What to do about it; "" when the message says all. */
  remedy: v.string(),
  engine: v.optional(v.picklist(["docker", "podman"])),
  /** Engine address without credentials. */
  address: v.optional(v.string()),
  /** First 12 characters of the container's id. */
  container: v.optional(v.string()),
  image: v.optional(v.string()),
  /** The engine's own words, at most 2 KiB. */
  engineText: v.optional(v.string()),
});
export type Failure = v.InferOutput<typeof Failure>;

/** Codes after which a step's `retry_policy` is not consulted (containers contract 0.4, S-85). */
const FINAL_CODES: ReadonlySet<FailureCode> = new Set<FailureCode>([
  "SPEC_INVALID",
  "INPUT_INVALID",
  "RUNTIME_CONFIG_INVALID",
  "ENGINE_PERMISSION",
  "ENGINE_PROTOCOL",
  "IMAGE_REFERENCE_INVALID",
  "IMAGE_MISSING",
  "IMAGE_AUTH_FAILED",
  "IMAGE_PLATFORM_MISMATCH",
  "MOUNT_INVALID",
  "MOUNT_SOURCE_UNAVAILABLE",
  "NETWORK_UNKNOWN",
  "USER_UNKNOWN",
  "OCI_RUNTIME",
  "COMMAND_NOT_FOUND",
  "COMMAND_NOT_EXECUTABLE",
  "STEP_TIMEOUT",
  "RUN_TIMEOUT",
  "CANCELLED",
  "POLICY_DENIED",
  "PRECONDITION_ERROR",
]);

export function isRetryable(code: FailureCode): boolean {
  return !FINAL_CODES.has(code);
}

/** Codes that a run's reason has another word for (LO-09 of the control plane's contract). */
const REASONS: Readonly<Partial<Record<FailureCode, string>>> = {
  RUN_TIMEOUT: "timeout",
  OOM_KILLED: "out_of_memory",
  SPEC_INVALID: "definition_invalid",
};

/** Why a run ended, in one word; "": it did not fail. */
export function reasonOf(failure: Failure | null): string {
  return failure === null ? "" : REASONS[failure.code] ?? failure.code.toLowerCase();
}
