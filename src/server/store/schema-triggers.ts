/** Where events come from, and what became of each. */
import { sql } from "drizzle-orm";
import {
  boolean,
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

/** The generic webhook of a workflow (1.1): at most one each. */
export const webhooks = pgTable(
  "webhooks",
  {
    id: uuid().primaryKey(),
    fileName: text("file_name").notNull(),
    tokenDigest: text("token_digest").notNull(),
    tokenPrefix: text("token_prefix").notNull(),
    tokenExpiresAt: at("token_expires_at"),
    enabled: boolean().notNull().default(true),
    authMode: text("auth_mode", { enum: ["token_only", "token_and_hmac", "hmac_only"] }).notNull(),
    enforcementMode: text("enforcement_mode", { enum: ["strict", "observe"] }).notNull(),
    /** Sealed; null: no HMAC secret. */
    hmacSecret: bytea("hmac_secret"),
    hmacUpdatedAt: at("hmac_updated_at"),
    createdAt: at("created_at").notNull(),
    updatedAt: at("updated_at").notNull(),
    lastUsedAt: at("last_used_at"),
  },
  (t) => [uniqueIndex("webhooks_file_name").on(t.fileName), uniqueIndex("webhooks_token").on(t.tokenDigest)],
);

/** Where a forge sends its events (2.1). */
export const endpoints = pgTable("endpoints", {
  id: uuid().primaryKey(),
  /** Unguessable part of the URL. */
  publicId: text("public_id").notNull(),
  kind: text({ enum: ["github"] }).notNull(),
  name: text().notNull(),
  enabled: boolean().notNull().default(true),
  /** Globs; empty: every repository. */
  repos: text().array().notNull(),
  forkPolicy: text("fork_policy", { enum: ["approval", "ignore", "run-untrusted"] }).notNull(),
  /** Sealed; a second one during a rotation (FG-11). */
  secret: bytea().notNull(),
  previousSecret: bytea("previous_secret"),
  /** Token for the forge's API, sealed; null: the forge is told nothing. */
  apiToken: bytea("api_token"),
  /** Template of a status's name, with `{workflow}`, `{event}`, `{block}`; "": the usual one (FG-70). */
  statusContext: text("status_context").notNull().default(""),
  /** Why a status was not told lately, for people; "": it was. */
  problem: text().notNull().default(""),
  createdAt: at("created_at").notNull(),
  lastDeliveryAt: at("last_delivery_at"),
}, (t) => [uniqueIndex("endpoints_public_id").on(t.publicId), uniqueIndex("endpoints_name").on(t.name)]);

export const deliveries = pgTable("deliveries", {
  id: uuid().primaryKey(),
  /** `webhook:FILE` or the endpoint's id. */
  source: text().notNull(),
  /** Name that people know the source by. */
  sourceName: text("source_name").notNull(),
  kind: text().notNull(),
  dedupeKey: text("dedupe_key"),
  receivedAt: at("received_at").notNull(),
  sourceIp: text("source_ip"),
  headers: jsonb(),
  bodyDigest: text("body_digest"),
  bodyBytes: integer("body_bytes").notNull(),
  event: text(),
  action: text(),
  repo: text(),
  outcome: text({ enum: ["accepted", "ignored", "refused", "ping"] }).notNull(),
  /** Why, for people. */
  reason: text().notNull(),
  httpStatus: smallint("http_status").notNull(),
  /** Body of the first answer, given again to a duplicate (WH-54). */
  answer: jsonb().notNull(),
  duplicates: integer().notNull().default(0),
}, (t) => [
  index("deliveries_refused").on(t.receivedAt).where(sql`${t.outcome} = 'refused'`),
  // The one constraint that makes a repeated delivery start nothing, however many copies arrive at once.
  uniqueIndex("deliveries_dedupe").on(t.source, t.dedupeKey).where(sql`${t.dedupeKey} is not null`),
]);

export const deliveryDecisions = pgTable("delivery_decisions", {
  deliveryId: uuid("delivery_id").notNull(),
  workflow: text().notNull(),
  block: text().notNull(),
  matched: boolean().notNull(),
  /** Which condition failed, and on what value (FG-56). */
  condition: text().notNull(),
  detail: text().notNull(),
  runId: uuid("run_id"),
}, (t) => [primaryKey({ columns: [t.deliveryId, t.workflow, t.block] })]);

/** What a forge is to be told of a commit, and what it was told: one row for each of the commit's statuses (FG-71). */
export const commitStatuses = pgTable("commit_statuses", {
  endpointId: uuid("endpoint_id").notNull(),
  repo: text().notNull(),
  sha: text().notNull(),
  context: text().notNull(),
  targetUrl: text("target_url").notNull(),
  /** Whose status it is; null: `phase` is all that there is to tell. */
  runId: uuid("run_id"),
  phase: text().notNull(),
  /** What the forge was told last; "": nothing. */
  told: text().notNull().default(""),
  /** There may be more to tell. */
  isOpen: boolean("is_open").notNull().default(true),
  nextTryAt: at("next_try_at").notNull(),
  tries: integer().notNull().default(0),
  /** Since when it fails; null: it does not. */
  failingSince: at("failing_since"),
  /** Why it was not told, for people. */
  problem: text().notNull().default(""),
}, (t) => [
  primaryKey({ columns: [t.endpointId, t.repo, t.sha, t.context] }),
  index("commit_statuses_due").on(t.nextTryAt).where(sql`${t.isOpen}`),
  index("commit_statuses_run").on(t.runId).where(sql`${t.runId} is not null`),
]);
