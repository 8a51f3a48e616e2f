/** What an operator can set of the control plane. Values are handed in; nothing here reads an environment. */
import { DEFAULT_SETTINGS, type Settings } from "../protocol/messages.ts";
import type { Keyring } from "./secrets/keyring.ts";

/**
 * How API and pages know who asks. `none` trusts whoever reaches the socket and is only allowed on a loopback address;
 * runner, webhook and forge paths have credentials of their own in every mode. A bearer API token works in every mode.
 */
export type AuthMode =
  | { readonly kind: "none" }
  | { readonly kind: "basic"; readonly username: string; readonly password: string }
  /** Only API tokens (`Authorization: Bearer dagu_...`, or the cookie that the login page makes of one). */
  | { readonly kind: "token" };

export interface ServerSettings {
  readonly version: string;
  /** Base of links in answers, without trailing slash; "" means: the request's own origin. */
  readonly publicUrl: string;
  readonly auth: AuthMode;
  /** Host names that mode `none` accepts in `Host` (against DNS rebinding). */
  readonly trustedHosts: readonly string[];
  /** Seal secrets at rest; attempt and runner tokens are derived from the first. */
  readonly keys: Keyring;
  readonly webhookMaxPayloadBytes: number;
  readonly forgeMaxPayloadBytes: number;
  readonly runner: Settings;
  /**
   * Grace of a run that is given to another runner when its own is lost; never longer than `runner.graceMs`. Until lease and
   * grace are over nobody else begins, so it is how long such a run may stand still (RT-09, LO-02).
   */
  readonly retryGraceMs: number;
  /**
   * A gap between two sweeps that is longer was an outage of ours, which costs no run (LO-05). More than the interval at
   * which the host calls `tick`, or nothing would ever be late.
   */
  readonly outageMs: number;
  /** Of schedules that name none (`DAGU_TZ`); a name of the IANA database. */
  readonly timeZone: string;
  /** Bearer of POST /internal/tick/{job}; null: those paths do not exist. */
  readonly internalToken: string | null;
}

/** Bytes of one artifact when there is an object store; without one it is a value of the database. */
export const ARTIFACT_MAX_OF_OBJECTS = 2_147_483_648;

export const SERVER_DEFAULTS = {
  publicUrl: "",
  trustedHosts: ["localhost", "127.0.0.1", "[::1]"],
  webhookMaxPayloadBytes: 1_048_576,
  forgeMaxPayloadBytes: 26_214_400,
  runner: DEFAULT_SETTINGS,
  retryGraceMs: 240_000,
  outageMs: 30_000,
  timeZone: "UTC",
  internalToken: null,
} as const;
