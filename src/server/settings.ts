/** What an operator can set of the control plane. Values are handed in; nothing here reads an environment. */
import { DEFAULT_SETTINGS, type Settings } from "../protocol/messages.ts";
import type { Network } from "./access/network.ts";
import type { Keyring } from "./secrets/keyring.ts";
import type { Overtime } from "./store/overdue.ts";

/**
 * How API and pages know who asks. `none` trusts whoever reaches the socket and is only allowed on a loopback address;
 * runner, webhook and forge paths have credentials of their own in every mode. A bearer API token works in every mode.
 */
/** Who calls where nobody has to say who they are (mode `none`). */
export const LOCAL_CALLER = "local";

export type AuthMode =
  | { readonly kind: "none" }
  | { readonly kind: "basic"; readonly username: string; readonly password: string }
  /** Only API tokens (`Authorization: Bearer dagu_...`, or the cookie that the login page makes of one). */
  | { readonly kind: "token" };

/** How often, per minute; 0: as often as they like. A `burst` may come at once (7.9, 1.10). */
export interface Limits {
  /** Calls of the API with one credential, and those of them that change something. */
  readonly api: { readonly perMinute: number; readonly burst: number };
  readonly changes: { readonly perMinute: number };
  /**
   * Deliveries at one webhook. Those of forges have none: what a forge was refused it does not send again by itself, and it
   * would be lost.
   */
  readonly webhook: { readonly perMinute: number; readonly burst: number };
  /** Of one address whose credentials were wrong at a webhook, or whose password was. */
  readonly failures: { readonly perMinute: number };
  /** Claims of one runner that were for nothing, messages of one attempt. Ends of attempts and heartbeats are never refused. */
  readonly claims: { readonly perMinute: number };
  readonly events: { readonly perMinute: number };
  readonly logs: { readonly perMinute: number };
  readonly secrets: { readonly perMinute: number };
}

export interface ServerSettings {
  readonly version: string;
  /** Base of links in answers, without trailing slash; "" means: the request's own origin. */
  readonly publicUrl: string;
  /** What browsers see before each path of ours, `/NAME`; "": the host is ours alone. */
  readonly basePath: string;
  readonly auth: AuthMode;
  /** Host names that mode `none` accepts in `Host` (against DNS rebinding). */
  readonly trustedHosts: readonly string[];
  /** Who may tell in `X-Forwarded-For` for whom they speak. */
  readonly trustedProxies: readonly Network[];
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
  /** A run that waits in a queue for longer ends (QU-19); null: it waits for as long as it takes. */
  readonly queueTtlMs: number | null;
  /** When we stop a run that its runner should have stopped (TO-02), and one whose workflow has no `timeout_sec` (TO-03). */
  readonly overtime: Overtime;
  /** How many runs may be below one that nobody started from a step, and how many of them not at their end (M9). */
  readonly subRuns: { readonly total: number; readonly open: number };
  /**
   * A gap between two sweeps that is longer was an outage of ours, which costs no run (LO-05). More than the interval at
   * which the host calls `tick`, or nothing would ever be late.
   */
  readonly outageMs: number;
  /** Of schedules that name none (`DAGU_TZ`); a name of the IANA database. */
  readonly timeZone: string;
  readonly limits: Limits;
  /** Bearer of POST /internal/tick/{job}; null: those paths do not exist. */
  readonly internalToken: string | null;
}

/** Bytes of one artifact when there is an object store; without one it is a value of the database. */
export const ARTIFACT_MAX_OF_OBJECTS = 2_147_483_648;

export const SERVER_DEFAULTS = {
  publicUrl: "",
  basePath: "",
  trustedHosts: ["localhost", "127.0.0.1", "[::1]"],
  trustedProxies: [],
  webhookMaxPayloadBytes: 1_048_576,
  forgeMaxPayloadBytes: 26_214_400,
  runner: DEFAULT_SETTINGS,
  retryGraceMs: 240_000,
  queueTtlMs: null,
  overtime: { graceMs: 60_000, maxMs: 86_400_000 },
  subRuns: { total: 10_000, open: 1_000 },
  outageMs: 30_000,
  timeZone: "UTC",
  internalToken: null,
  limits: {
    api: { perMinute: 600, burst: 200 },
    changes: { perMinute: 120 },
    webhook: { perMinute: 60, burst: 120 },
    failures: { perMinute: 30 },
    claims: { perMinute: 120 },
    events: { perMinute: 1_200 },
    logs: { perMinute: 2_400 },
    secrets: { perMinute: 60 },
  },
} as const;
