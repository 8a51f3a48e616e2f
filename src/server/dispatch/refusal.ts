/** Why the control plane does not do what it was asked: one value for API, hooks and pages. */

export type RefusalCode =
  | "bad_request"
  | "unauthorized"
  | "forbidden"
  | "not_found"
  | "already_exists"
  | "conflict"
  | "not_running"
  | "payload_too_large"
  | "unsupported_media_type"
  | "not_configured";

export interface Refusal {
  readonly ok: false;
  readonly code: RefusalCode;
  readonly message: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

export function refuse(
  code: RefusalCode,
  message: string,
  details?: Readonly<Record<string, unknown>>,
): Refusal {
  return { ok: false, code, message, ...(details === undefined ? {} : { details }) };
}
