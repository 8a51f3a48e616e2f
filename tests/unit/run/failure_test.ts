/** Which failures a step's `retry_policy` is asked about (containers contract 0.4): the last column of its table. */
import assert from "node:assert/strict";
import { FAILURE_CODES, type FailureCode, isRetryable } from "../../../src/run/failure.ts";

const CLASSES: Readonly<Partial<Record<FailureCode, boolean>>> = {
  SPEC_INVALID: false,
  RUNTIME_CONFIG_INVALID: false,
  ENGINE_UNREACHABLE: true,
  ENGINE_PERMISSION: false,
  ENGINE_PROTOCOL: false,
  ENGINE_LOST: true,
  IMAGE_REFERENCE_INVALID: false,
  IMAGE_MISSING: false,
  IMAGE_PULL_FAILED: true,
  IMAGE_AUTH_FAILED: false,
  IMAGE_PLATFORM_MISMATCH: false,
  MOUNT_INVALID: false,
  MOUNT_SOURCE_UNAVAILABLE: false,
  PORT_IN_USE: true,
  NETWORK_UNKNOWN: false,
  NAME_IN_USE: true,
  USER_UNKNOWN: false,
  OCI_RUNTIME: false,
  COMMAND_NOT_FOUND: false,
  COMMAND_NOT_EXECUTABLE: false,
  CONTAINER_NOT_RUNNING: true,
  CONTAINER_LOST: true,
  READINESS_TIMEOUT: true,
  READINESS_FAILED: true,
  COMMAND_FAILED: true,
  OOM_KILLED: true,
  STEP_TIMEOUT: false,
  CANCELLED: false,
  POLICY_DENIED: false,
};

Deno.test("0.4.0 what is retried is what another try may mend", () => {
  for (const code of FAILURE_CODES) {
    const wanted = CLASSES[code];
    if (wanted !== undefined) assert.equal(isRetryable(code), wanted, code);
  }
});
