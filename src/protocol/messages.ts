/**
 * The runner protocol (control-plane contract 5): one valibot schema for each request and reply, used by both sides.
 * Objects are open: unknown keys are ignored (RP-22). Durations are relative milliseconds, sizes bytes (ID-10).
 */
import * as v from "valibot";
import { EpochMs, RunStatus } from "../run/event.ts";
import { Uuid } from "../run/ids.ts";
import { Count, FenceText, Grant, Natural, Text } from "./grant.ts";
import { Resources } from "./resources.ts";
import { PublicKey, Sealed } from "./sealing.ts";

export const PROTOCOL_VERSION = 1;
export const RUNNER_BASE_PATH = "/runner/v1";

/** Request headers of RP-02; `attempt` only below `/attempts/`. */
export const HEADERS = {
  protocol: "Dagu-Protocol",
  runner: "Dagu-Runner",
  boot: "Dagu-Boot",
  sentAt: "Dagu-Sent-At",
  request: "Dagu-Request",
  attempt: "Dagu-Attempt",
  rawLength: "Dagu-Raw-Length",
  serverTime: "Dagu-Server-Time",
} as const;

const CAPACITY_MAX = 1_000;
const Capacity = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(CAPACITY_MAX));

// ---- errors (RP-06, 5.3) ----------------------------------------------------------------------------------------

export const ERROR_STATUS = {
  invalid: 400,
  unauthorized: 401,
  forbidden: 403,
  policy: 403,
  not_found: 404,
  fenced: 409,
  seq_gap: 409,
  offset_gap: 409,
  conflict: 409,
  gone: 410,
  too_large: 413,
  not_ready: 423,
  upgrade_required: 426,
  rate_limited: 429,
  unavailable: 503,
  draining: 503,
  internal: 500,
} as const;
export type ProtocolErrorCode = keyof typeof ERROR_STATUS;

export const ErrorReply = v.object({
  code: v.picklist(Object.keys(ERROR_STATUS) as ProtocolErrorCode[]),
  message: v.string(),
  retryable: v.boolean(),
  details: v.optional(v.object({
    /** With `seq_gap`: resend events from here. */
    expectedSeq: v.optional(Natural),
    /** With `offset_gap`: resend bytes from here. */
    expectedOffset: v.optional(Natural),
    /** With `fenced`, by a newer process of the same runner: the number of that one. */
    boot: v.optional(Natural),
    /** With `upgrade_required`: from this version of the protocol on, up to `max`. */
    min: v.optional(Natural),
    /** With `too_large`: the limit. */
    max: v.optional(Natural),
  })),
});
export type ErrorReply = v.InferOutput<typeof ErrorReply>;

// ---- M1 register ------------------------------------------------------------------------------------------------

/** What the runner's engine selection came to (containers contract 1.1.4); null address: unfit for container work. */
export const EngineFacts = v.object({
  engine: v.picklist(["docker", "podman"]),
  address: v.string(),
  apiVersion: v.optional(v.string()),
  engineVersion: v.optional(v.string()),
  rootless: v.optional(v.boolean()),
  /** Why containers cannot run here; absent when they can. */
  problem: v.optional(v.object({ code: v.string(), message: v.string(), remedy: v.string() })),
});
export type EngineFacts = v.InferOutput<typeof EngineFacts>;

export const Settings = v.object({
  claimWaitMs: Natural,
  heartbeatMs: Natural,
  leaseMs: Natural,
  graceMs: Natural,
  startDeadlineMs: Natural,
  eventFlushMs: Natural,
  eventBatchMax: Natural,
  logFlushMs: Natural,
  logChunkMax: Natural,
  logStreamMax: Natural,
  artifactMax: Natural,
  spoolMax: Natural,
  tailWindowMs: Natural,
});
export type Settings = v.InferOutput<typeof Settings>;

export const DEFAULT_SETTINGS: Settings = {
  claimWaitMs: 25_000,
  heartbeatMs: 15_000,
  leaseMs: 60_000,
  // Patience with an unreachable runner (DESIGN 3.5), of a run that nobody else would be given: there is nothing to hurry for.
  graceMs: 43_200_000,
  startDeadlineMs: 60_000,
  eventFlushMs: 1_000,
  eventBatchMax: 500,
  logFlushMs: 2_000,
  logChunkMax: 1_048_576,
  logStreamMax: 268_435_456,
  // It is a value of the database until there is another store.
  artifactMax: 536_870_912,
  spoolMax: 1_073_741_824,
  tailWindowMs: 300_000,
};

export const RegisterRequest = v.object({
  name: v.pipe(v.string(), v.minLength(1), v.maxLength(128)),
  machineId: v.pipe(v.string(), v.minLength(1), v.maxLength(128)),
  version: v.string(),
  os: v.string(),
  arch: v.string(),
  labels: Text,
  capacity: Capacity,
  features: v.array(v.string()),
  engine: v.optional(EngineFacts),
  /** With `sealed-secrets`: what values for this runner are sealed to. */
  publicKey: v.optional(PublicKey),
});
export type RegisterRequest = v.InferOutput<typeof RegisterRequest>;

export const RegisterReply = v.object({
  runnerId: Uuid,
  /** `dagu_rnr_...`: shown once, stored as digest. */
  runnerToken: v.string(),
  tokenExpiresAt: v.string(),
  labels: Text,
  capacity: Natural,
  settings: Settings,
});
export type RegisterReply = v.InferOutput<typeof RegisterReply>;

// ---- M2 rotate --------------------------------------------------------------------------------------------------

/** The new token in plain, or, when the question is repeated, sealed to the runner's key for its id. */
export const RotateReply = v.object({
  runnerToken: v.optional(v.string()),
  sealed: v.optional(Sealed),
  tokenExpiresAt: v.string(),
});
export type RotateReply = v.InferOutput<typeof RotateReply>;

// ---- M3 claim ---------------------------------------------------------------------------------------------------

export const Directive = v.object({
  id: Uuid,
  /** Unknown types are acknowledged and ignored (RP-22). */
  type: v.string(),
  attemptId: v.optional(Uuid),
  fence: v.optional(Natural),
  /** Who or what asked, for people. */
  reason: v.optional(v.string()),
  force: v.optional(v.boolean()),
  /** With `cancel`: the run has had the time that it may have, so many milliseconds. */
  limitMs: v.optional(Natural),
});
export type Directive = v.InferOutput<typeof Directive>;

const EXCLUDE_MAX = 1_000;

export const ClaimRequest = v.object({
  /** Makes the claim repeatable: the same id answers the same attempts while they are not started. */
  claimId: Uuid,
  labels: Text,
  free: v.pipe(Count, v.maxValue(CAPACITY_MAX)),
  waitMs: v.pipe(Natural, v.maxValue(50_000)),
  resources: v.optional(Resources, {}),
  /** Runs that it does not want. */
  exclude: v.optional(v.pipe(v.array(Uuid), v.maxLength(EXCLUDE_MAX)), []),
  /** Attempts that the runner holds; others that the server believes it has are expired at once. */
  held: v.array(Uuid),
});
export type ClaimRequest = v.InferOutput<typeof ClaimRequest>;
/** As a runner writes it. */
export type NewClaim = v.InferInput<typeof ClaimRequest>;

export const ClaimReply = v.object({
  attempts: v.array(Grant),
  directives: v.array(Directive),
  claimAfterMs: Natural,
});
export type ClaimReply = v.InferOutput<typeof ClaimReply>;

// ---- M4 decline -------------------------------------------------------------------------------------------------

export const DeclineRequest = v.object({
  fence: Count,
  reason: v.picklist([
    "signature_invalid",
    "policy_denied",
    "definition_invalid",
    "unsupported_feature",
    "resource_shortage",
    "draining",
  ]),
  detail: v.optional(v.string()),
});
export type DeclineRequest = v.InferOutput<typeof DeclineRequest>;
export const DeclineReply = v.object({ outcome: v.picklist(["requeued", "failed"]) });
export type DeclineReply = v.InferOutput<typeof DeclineReply>;

// ---- M5 heartbeat -----------------------------------------------------------------------------------------------

export const HeartbeatRequest = v.object({
  state: v.picklist(["active", "draining"]),
  free: v.pipe(Count, v.maxValue(CAPACITY_MAX)),
  spoolBytes: Natural,
  version: v.string(),
  /** As it was started this time; absent: as it registered. */
  labels: v.optional(Text),
  capacity: v.optional(Capacity),
  /** As this process found it; absent: it has not looked yet. */
  engine: v.optional(EngineFacts),
  attempts: v.array(v.object({ attemptId: Uuid, fence: Count, lastSeq: Count, ackSeq: Count })),
  ackDirectives: v.array(Uuid),
  /**
   * From 1, one more after each that was answered: so of two numbers the later was sent when the earlier had been heard, and
   * `attempts` is all that the process holds. Absent: it may hold others.
   */
  beat: v.optional(v.pipe(Count, v.minValue(1))),
});
export type HeartbeatRequest = v.InferOutput<typeof HeartbeatRequest>;

export const HeartbeatReply = v.object({
  attempts: v.array(v.object({
    attemptId: Uuid,
    status: v.picklist(["ok", "fenced", "finished", "unknown"]),
    leaseMs: Natural,
    graceMs: Natural,
    ackSeq: Natural,
  })),
  directives: v.array(Directive),
});
export type HeartbeatReply = v.InferOutput<typeof HeartbeatReply>;

// ---- M8 directives ----------------------------------------------------------------------------------------------

const WaitMs = v.optional(
  v.pipe(v.string(), v.regex(/^\d{1,5}$/), v.transform(Number), v.maxValue(50_000)),
  "25000",
);

/** Query of GET /directives: those that are not acknowledged, or of them those behind `after`. */
export const DirectivesQuery = v.object({ after: v.optional(Uuid), waitMs: WaitMs });

/** Query of GET /attempts/{id}/children (M9): `after` is the `cursor` of the answer before. */
export const ChildrenQuery = v.object({
  after: v.optional(v.pipe(v.string(), v.regex(/^\d{1,15}$/), v.transform(Number))),
  waitMs: WaitMs,
});

// ---- M6 events --------------------------------------------------------------------------------------------------

/** An event as the server takes it: stamped, of any type (EV-01); known types are checked against `RunEventBody`. */
export const WireEvent = v.looseObject({
  seq: v.pipe(Count, v.minValue(1)),
  at: EpochMs,
  mono: v.number(),
  type: v.pipe(v.string(), v.minLength(1), v.maxLength(64)),
  step: v.optional(v.pipe(v.string(), v.maxLength(255))),
  data: v.optional(v.record(v.string(), v.unknown())),
});
export type WireEvent = v.InferOutput<typeof WireEvent>;

/** What a sender aims at; one event may be larger, up to what the server takes. */
export const EVENT_BATCH_BYTES = 524_288;
export const EVENT_REQUEST_MAX_BYTES = 8_388_608;

export const EventsRequest = v.object({
  fence: Count,
  firstSeq: v.pipe(Count, v.minValue(1)),
  events: v.pipe(v.array(WireEvent), v.maxLength(500)),
});
export type EventsRequest = v.InferOutput<typeof EventsRequest>;

export const EventsReply = v.object({
  ackSeq: Natural,
  runStatus: RunStatus,
  directives: v.array(Directive),
});
export type EventsReply = v.InferOutput<typeof EventsReply>;

// ---- M7 logs ----------------------------------------------------------------------------------------------------

/** Query of POST /attempts/{id}/logs; the body is raw bytes, gzip when `Content-Encoding` says so. */
export const LogQuery = v.object({
  step: v.pipe(v.string(), v.minLength(1), v.maxLength(255)),
  stream: v.picklist(["stdout", "stderr"]),
  offset: v.pipe(v.string(), v.regex(/^\d{1,15}$/), v.transform(Number)),
  fence: FenceText,
  /** `1`: no more bytes will come; the stream's length is `offset` plus the body's. */
  final: v.optional(v.literal("1")),
});
export type LogQuery = v.InferOutput<typeof LogQuery>;

export const LogReply = v.object({ nextOffset: Natural, limitReached: v.boolean() });
export type LogReply = v.InferOutput<typeof LogReply>;

/** What an earlier attempt of the same run wrote: the log of a try that an approver sent back (S-122). */
export const LogReadQuery = v.object({
  ...v.pick(LogQuery, ["step", "stream", "offset"]).entries,
  attempt: FenceText,
});

// ---- M15 drain and leave ----------------------------------------------------------------------------------------

export const DrainRequest = v.object({ mode: v.picklist(["finish", "handback"]), deadlineMs: Natural });
export type DrainRequest = v.InferOutput<typeof DrainRequest>;
export const Empty = v.object({});
