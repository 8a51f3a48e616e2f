/** Managed secrets: what they are called, their sealed values, and who was given them (contract 7.6, AP-117). */
import { sql } from "drizzle-orm";
import { index, integer, pgTable, primaryKey, text, uniqueIndex, uuid } from "drizzle-orm/pg-core";
import { at, bytea } from "./columns.ts";

export const secrets = pgTable("secrets", {
  id: uuid().primaryKey(),
  /** Slash-separated slugs (ID-07); a deleted one's may be used again. */
  ref: text().notNull(),
  description: text().notNull().default(""),
  state: text({ enum: ["active", "disabled", "deleted"] }).notNull(),
  /** Of the current value, from 1; 0: it has none yet. */
  version: integer().notNull(),
  createdAt: at("created_at").notNull(),
  updatedAt: at("updated_at").notNull(),
  rotatedAt: at("rotated_at"),
}, (t) => [uniqueIndex("secrets_ref").on(t.ref).where(sql`${t.state} <> 'deleted'`)]);

/** Only `seal` writes `sealed`: no value is here in plain. */
export const secretVersions = pgTable("secret_versions", {
  secretId: uuid("secret_id").notNull(),
  version: integer().notNull(),
  sealed: bytea().notNull(),
  createdAt: at("created_at").notNull(),
}, (t) => [primaryKey({ columns: [t.secretId, t.version] })]);

/** One row for each secret that an attempt was given, however often it asked (SC-05). */
export const secretHandouts = pgTable("secret_handouts", {
  attemptId: uuid("attempt_id").notNull(),
  secretId: uuid("secret_id").notNull(),
  version: integer().notNull(),
  runId: uuid("run_id").notNull(),
  runnerId: uuid("runner_id").notNull(),
  at: at("at").notNull(),
}, (t) => [
  primaryKey({ columns: [t.attemptId, t.secretId] }),
  index("secret_handouts_of").on(t.secretId, t.at),
  index("secret_handouts_of_run").on(t.runId),
]);
