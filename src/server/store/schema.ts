/**
 * The tables (control-plane contract 6.2, the part that this version needs). Queue, slot and lease rows are narrow; payloads
 * and definitions are content-addressed blobs. One workspace, "default", for now: a `workspace_id` column joins the keys
 * when there is more than one.
 */
import { sql } from "drizzle-orm";
import {
  bigint,
  boolean,
  doublePrecision,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  smallint,
  text,
  uniqueIndex,
  uuid,
} from "drizzle-orm/pg-core";

import { at, bytea } from "./columns.ts";

export * from "./schema-artifacts.ts";
export * from "./schema-queues.ts";
export * from "./schema-schedules.ts";
export * from "./schema-secrets.ts";
export * from "./schema-state.ts";
export * from "./schema-triggers.ts";

// ---- definitions ------------------------------------------------------------------------------------------------

export const workflows = pgTable("workflows", {
  id: uuid().primaryKey(),
  /** Stem of the file: the key of `/dags/{fileName}`. */
  fileName: text("file_name").notNull(),
  /** `name` of the definition, else the file name. */
  name: text().notNull(),
  /** Digest of the current revision's text. */
  digest: text().notNull(),
  /** What is wrong with the current text; an empty list means that it can start. */
  problems: jsonb().notNull(),
  labels: text().array().notNull(),
  /** Under which lists show it; "": none. */
  group: text("group_name").notNull().default(""),
  hasTriggers: boolean("has_triggers").notNull(),
  suspended: boolean().notNull().default(false),
  updatedAt: at("updated_at").notNull(),
}, (t) => [uniqueIndex("workflows_file_name").on(t.fileName), index("workflows_name").on(t.name)]);

export const workflowRevisions = pgTable("workflow_revisions", {
  workflowId: uuid("workflow_id").notNull(),
  digest: text().notNull(),
  createdAt: at("created_at").notNull(),
  author: text().notNull(),
}, (t) => [primaryKey({ columns: [t.workflowId, t.digest] })]);

/** Definition texts, payloads: immutable, addressed by `sha256:` digest. */
export const blobs = pgTable("blobs", {
  digest: text().primaryKey(),
  sizeBytes: bigint("size_bytes", { mode: "number" }).notNull(),
  data: bytea().notNull(),
  createdAt: at("created_at").notNull(),
  /** When something began to need it, or was last seen to; not to the hour. */
  usedAt: at("used_at").notNull().defaultNow(),
}, (t) => [index("blobs_used").on(t.usedAt)]);

// ---- access -----------------------------------------------------------------------------------------------------

export const apiTokens = pgTable("api_tokens", {
  id: uuid().primaryKey(),
  name: text().notNull(),
  digest: text().notNull(),
  prefix: text().notNull(),
  createdAt: at("created_at").notNull(),
  expiresAt: at("expires_at"),
  revokedAt: at("revoked_at"),
}, (t) => [uniqueIndex("api_tokens_digest").on(t.digest)]);

export const registrationTokens = pgTable("registration_tokens", {
  id: uuid().primaryKey(),
  digest: text().notNull(),
  prefix: text().notNull(),
  labels: jsonb().notNull(),
  /** Runners that it admits have at most so many places; null: any number. */
  capacityMax: integer("capacity_max"),
  usesLeft: integer("uses_left").notNull(),
  createdAt: at("created_at").notNull(),
  expiresAt: at("expires_at").notNull(),
}, (t) => [uniqueIndex("registration_tokens_digest").on(t.digest)]);

// ---- runners ----------------------------------------------------------------------------------------------------

export const runners = pgTable("runners", {
  id: uuid().primaryKey(),
  name: text().notNull(),
  machineId: text("machine_id").notNull(),
  /** The registration token that admitted it; null: of an earlier version. */
  registeredBy: uuid("registered_by"),
  /** As the runner said at registration, for people. A claim says them anew. */
  labels: jsonb().notNull(),
  /** What its registration token fixes; these win over whatever it says. */
  fixedLabels: jsonb("fixed_labels").notNull(),
  capacity: integer().notNull(),
  features: text().array().notNull(),
  version: text().notNull(),
  os: text().notNull(),
  arch: text().notNull(),
  /** `EngineFacts`, as reported; null: unknown. */
  engine: jsonb(),
  tokenDigest: text("token_digest").notNull(),
  tokenExpiresAt: at("token_expires_at").notNull(),
  /** How often the token was made anew (M2). */
  tokenGeneration: integer("token_generation").notNull().default(0),
  /** The token before the current one, good until `previousUntil`. */
  previousDigest: text("previous_digest"),
  previousUntil: at("previous_until"),
  /** To seal values to; null: it registered none. */
  publicKey: jsonb("public_key"),
  /** `away`: its process has said that it ends (M15), and no newer one has spoken. */
  state: text({ enum: ["active", "draining", "away", "revoked", "gone"] }).notNull(),
  /** Which of its processes speaks for it: the newest that was heard (`Dagu-Boot`); 0: none that counts itself. */
  boot: integer().notNull().default(0),
  bootId: text("boot_id").notNull().default(""),
  /** Somebody wants it to finish what it has and take nothing new. */
  held: boolean().notNull().default(false),
  /** What is to be added to times that it tells to have them on our clock (RP-25). */
  clockOffsetMs: bigint("clock_offset_ms", { mode: "number" }).notNull().default(0),
  createdAt: at("created_at").notNull(),
}, (t) => [
  uniqueIndex("runners_token").on(t.tokenDigest),
  uniqueIndex("runners_previous_token").on(t.previousDigest).where(sql`${t.previousDigest} is not null`),
]);

/** What every heartbeat changes, apart from what does not: updates stay heap-only. */
export const runnersLive = pgTable("runners_live", {
  runnerId: uuid("runner_id").primaryKey(),
  lastSeenAt: at("last_seen_at").notNull(),
  free: integer().notNull(),
  /** Of what it offers to runs, as told with its latest claim; null: it does not count that. */
  freeCpu: doublePrecision("free_cpu"),
  freeMemory: bigint("free_memory", { mode: "number" }),
  spoolBytes: bigint("spool_bytes", { mode: "number" }).notNull(),
  /** Of the newest heartbeat: the process's number in front, then the beat's. */
  beat: bigint({ mode: "number" }).notNull().default(0),
});

// ---- runs -------------------------------------------------------------------------------------------------------

export const runs = pgTable("runs", {
  id: uuid().primaryKey(),
  name: text().notNull(),
  dagRunId: text("dag_run_id").notNull(),
  fileName: text("file_name"),
  digest: text().notNull(),
  /** Name of the document of the stream that is executed; "": the first. */
  document: text().notNull().default(""),
  /** Folder of the workflow's file on the machine that started it; "": unknown. */
  sourceDir: text("source_dir").notNull().default(""),
  defaultDir: text("default_dir").notNull().default(""),
  parentId: uuid("parent_id"),
  rootId: uuid("root_id"),
  /** What the parent's step wants done: the same key is the same run (M9). */
  childKey: text("child_key"),
  /** The next attempt goes on from the steps as they are. */
  resumes: boolean().notNull().default(false),
  autoRetries: smallint("auto_retries").notNull().default(0),
  /** `retry`: it is given to another runner when its own is lost, and has the short patience that this asks for (RT-09). */
  onLost: text("on_lost", { enum: ["fail", "retry"] }).notNull().default("fail"),
  /** Code of the status (4.1). */
  status: smallint().notNull(),
  /** Why a run ended or waits, as a code of LO-09 or a failure's; "" otherwise. */
  reason: text().notNull().default(""),
  failure: jsonb(),
  triggerType: text("trigger_type").notNull(),
  triggerActor: text("trigger_actor").notNull(),
  trust: text({ enum: ["trusted", "untrusted"] }).notNull(),
  queue: text().notNull(),
  needsSlot: boolean("needs_slot").notNull(),
  priority: smallint().notNull(),
  labels: text().array().notNull(),
  /** `{values, json}` of the bound parameters. */
  params: jsonb().notNull(),
  /** Variables that the trigger brought. */
  env: jsonb().notNull(),
  selector: jsonb().notNull(),
  scheduleTime: at("schedule_time"),
  deliveryId: uuid("delivery_id"),
  /** Commit that a waiting fork run asks approval for (FK-04). */
  approvalSha: text("approval_sha"),
  /** What its trigger made of `concurrency.group`. */
  concurrencyGroup: text("concurrency_group"),
  createdAt: at("created_at").notNull(),
  queuedAt: at("queued_at"),
  startedAt: at("started_at"),
  finishedAt: at("finished_at"),
  cancelRequestedAt: at("cancel_requested_at"),
  cancelBy: text("cancel_by"),
  /** Why it was asked to stop: `user`, or `timeout` when its time was over. */
  cancelReason: text("cancel_reason", { enum: ["user", "timeout"] }),
  /** Fence of the latest attempt. */
  attempt: integer().notNull().default(0),
  requeues: smallint().notNull().default(0),
  runnerId: uuid("runner_id"),
  hasArtifacts: boolean("has_artifacts").notNull().default(false),
  /** The root container, as reported. */
  container: jsonb(),
  notes: jsonb().notNull().default([]),
  /** `timeout_sec` of its workflow; 0: none. */
  timeoutSec: integer("timeout_sec").notNull().default(0),
  /** `max_clean_up_time_sec` of its workflow. */
  cleanUpSec: integer("clean_up_sec").notNull().default(5),
  /** `resources.limits` of its workflow: cores and bytes; 0: no certain share. */
  needsCpu: doublePrecision("needs_cpu").notNull().default(0),
  needsMemory: bigint("needs_memory", { mode: "number" }).notNull().default(0),
  /** Of its workflow's history, once it ends: days; null: for ever. */
  keepDays: integer("keep_days"),
  /** How many of the workflow's runs; null: any number. */
  keepRuns: integer("keep_runs"),
  version: integer().notNull().default(0),
  /** Those that wait are few, and are looked for. */
  isWaiting: boolean("is_waiting").notNull().generatedAlwaysAs(sql`status = 7`),
}, (t) => [
  // None on what changes while a run is claimed, told of and ended: so its row moves within its page, and no index with it.
  uniqueIndex("runs_identity").on(t.name, t.dagRunId),
  index("runs_of_name").on(t.name, t.id),
  index("runs_of_parent").on(t.parentId).where(sql`${t.parentId} is not null`),
  index("runs_of_root").on(t.rootId).where(sql`${t.rootId} is not null`),
  index("runs_of_group").on(t.name, t.concurrencyGroup).where(sql`${t.concurrencyGroup} is not null`),
  index("runs_waiting").on(t.id).where(sql`${t.isWaiting}`),
]);

export const runInputs = pgTable("run_inputs", {
  runId: uuid("run_id").notNull(),
  name: text().notNull(),
  digest: text().notNull(),
  sizeBytes: bigint("size_bytes", { mode: "number" }).notNull(),
}, (t) => [primaryKey({ columns: [t.runId, t.name] })]);

/** The fold of the latest attempt's events, step by step. */
export const runSteps = pgTable("run_steps", {
  runId: uuid("run_id").notNull(),
  step: text().notNull(),
  ord: integer().notNull(),
  isHandler: boolean("is_handler").notNull(),
  status: smallint().notNull(),
  /** The rest of `StepState`. */
  state: jsonb().notNull(),
}, (t) => [primaryKey({ columns: [t.runId, t.step] })]);

export const runEvents = pgTable("run_events", {
  runId: uuid("run_id").notNull(),
  attempt: integer().notNull(),
  seq: integer().notNull(),
  type: text().notNull(),
  step: text(),
  at: at("at").notNull(),
  receivedAt: at("received_at").notNull(),
  body: jsonb().notNull(),
}, (t) => [primaryKey({ columns: [t.runId, t.attempt, t.seq] })]);

export const logStreams = pgTable("log_streams", {
  id: uuid().primaryKey(),
  runId: uuid("run_id").notNull(),
  attempt: integer().notNull(),
  step: text().notNull(),
  stream: text({ enum: ["stdout", "stderr"] }).notNull(),
  /** Bytes taken so far; beyond the cap they are counted and not stored. */
  nextOffset: bigint("next_offset", { mode: "number" }).notNull(),
  stored: bigint({ mode: "number" }).notNull(),
  lines: bigint({ mode: "number" }).notNull(),
  isFinal: boolean("is_final").notNull().default(false),
}, (t) => [uniqueIndex("log_streams_of").on(t.runId, t.attempt, t.step, t.stream)]);

export const logChunks = pgTable("log_chunks", {
  streamId: uuid("stream_id").notNull(),
  off: bigint({ mode: "number" }).notNull(),
  len: integer().notNull(),
  /** Number of line ends before this chunk. */
  firstLine: bigint("first_line", { mode: "number" }).notNull(),
  data: bytea().notNull(),
}, (t) => [primaryKey({ columns: [t.streamId, t.off] })]);

// ---- queue and execution ----------------------------------------------------------------------------------------

/** One row for each run that waits to be claimed, and none for any other (INV-11). */
export const runQueue = pgTable("run_queue", {
  runId: uuid("run_id").primaryKey(),
  queue: text().notNull(),
  /** False: does not count against the queue's concurrency (`start`). */
  needsSlot: boolean("needs_slot").notNull(),
  selector: jsonb().notNull(),
  isUntrusted: boolean("is_untrusted").notNull(),
  needsCpu: doublePrecision("needs_cpu").notNull().default(0),
  needsMemory: bigint("needs_memory", { mode: "number" }).notNull().default(0),
  priority: smallint().notNull(),
  availableAt: at("available_at").notNull(),
  /** Its place in the order in which runs are taken (CL-02): priority and age in one. */
  rank: at("rank").notNull().defaultNow(),
  /** Runner that gave it back; another one is preferred. */
  excluded: uuid().array().notNull(),
  /** Runs of one class may go to the same runners and wait for the same slots: who may not have one may have none. */
  class: text().notNull().generatedAlwaysAs(
    sql`md5((case when needs_slot then 's' || queue else '' end) || chr(10) || is_untrusted::text || selector::text
      || needs_cpu::text || ' ' || needs_memory::text)`,
  ),
}, (t) => [
  index("run_queue_classes").on(t.class, t.rank, t.runId),
  index("run_queue_slotted").on(t.queue, t.rank, t.runId).where(sql`${t.needsSlot}`),
]);

/** One row for each unit of a queue's concurrency; taken by an attempt, or free. */
export const slots = pgTable("slots", {
  queue: text().notNull(),
  n: integer().notNull(),
  attemptId: uuid("attempt_id"),
}, (t) => [
  primaryKey({ columns: [t.queue, t.n] }),
  index("slots_free").on(t.queue).where(sql`${t.attemptId} is null`),
  index("slots_taken").on(t.attemptId).where(sql`${t.attemptId} is not null`),
]);

export const attempts = pgTable("attempts", {
  id: uuid().primaryKey(),
  runId: uuid("run_id").notNull(),
  fence: integer().notNull(),
  runnerId: uuid("runner_id").notNull(),
  claimId: uuid("claim_id").notNull(),
  state: text({
    enum: [
      "claimed",
      "started",
      "cancelling",
      "succeeded",
      "failed",
      "partially_succeeded",
      "aborted",
      "rejected",
      "waiting",
      "lost",
      "declined",
      "expired",
      "handed_back",
    ],
  }).notNull(),
  reason: text().notNull().default(""),
  tokenDigest: text("token_digest").notNull(),
  ackSeq: integer("ack_seq").notNull().default(0),
  /** The process of its runner that went on with it; what an older one sent is refused. */
  boot: integer().notNull().default(0),
  cancelRequestedAt: at("cancel_requested_at"),
  cancelDeadline: at("cancel_deadline"),
  claimedAt: at("claimed_at").notNull(),
  startedAt: at("started_at"),
  /** null: it is live. No index is on the state, which changes more often. */
  endedAt: at("ended_at"),
}, (t) => [
  uniqueIndex("attempts_fence").on(t.runId, t.fence),
  // At most one live attempt for a run (INV-01).
  uniqueIndex("attempts_live").on(t.runId).where(sql`${t.endedAt} is null`),
  index("attempts_claim").on(t.claimId),
  index("attempts_of_runner").on(t.runnerId).where(sql`${t.endedAt} is null`),
]);

export const attemptLeases = pgTable("attempt_leases", {
  attemptId: uuid("attempt_id").primaryKey(),
  runnerId: uuid("runner_id").notNull(),
  expiresAt: at("expires_at").notNull(),
  graceMs: bigint("grace_ms", { mode: "number" }).notNull(),
  /** Set until the attempt has started. */
  startDeadline: at("start_deadline"),
  /** The newest heartbeat of its runner that did not name it, since one that did; 0: none. */
  missedBeat: bigint("missed_beat", { mode: "number" }).notNull().default(0),
});

export const directives = pgTable("directives", {
  id: uuid().primaryKey(),
  runnerId: uuid("runner_id").notNull(),
  attemptId: uuid("attempt_id"),
  type: text().notNull(),
  data: jsonb().notNull(),
  createdAt: at("created_at").notNull(),
  ackedAt: at("acked_at"),
}, (t) => [index("directives_open").on(t.runnerId).where(sql`${t.ackedAt} is null`)]);

/** Single row: when the control plane was last known to be up (LO-05), and what its operator said after a restore. */
export const controlHeartbeat = pgTable("control_heartbeat", {
  id: smallint().primaryKey(),
  lastAt: at("last_at").notNull(),
  /** Fences of new attempts are above it: those up to it may have been given before a restore (RS-04). */
  fenceEpoch: integer("fence_epoch").notNull().default(0),
});
