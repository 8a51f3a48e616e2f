/** Files that runs keep (control-plane contract M10, 6.2), their bytes in parts. */
import { sql } from "drizzle-orm";
import { bigint, index, integer, pgTable, primaryKey, text, uniqueIndex, uuid } from "drizzle-orm/pg-core";
import { at, bytea } from "./columns.ts";

export const artifacts = pgTable("artifacts", {
  /** Of the upload: a path that is uploaded again has two rows until the later one is complete. */
  id: uuid().primaryKey(),
  runId: uuid("run_id").notNull(),
  attemptId: uuid("attempt_id").notNull(),
  /** Relative, with slashes. */
  path: text().notNull(),
  size: bigint({ mode: "number" }).notNull(),
  /** 64 hex digits. */
  sha256: text().notNull(),
  contentType: text("content_type").notNull(),
  /** Where its bytes are; those of `objects` are empty in the table of parts. */
  store: text({ enum: ["database", "objects"] }).notNull().default("database"),
  /** Only a complete one is shown (INV-24). */
  state: text({ enum: ["uploading", "complete"] }).notNull(),
  createdAt: at("created_at").notNull(),
}, (t) => [
  uniqueIndex("artifacts_complete").on(t.runId, t.path).where(sql`state = 'complete'`),
  index("artifacts_run").on(t.runId),
  index("artifacts_uploading").on(t.createdAt).where(sql`state = 'uploading'`),
]);

export const artifactParts = pgTable("artifact_parts", {
  artifactId: uuid("artifact_id").notNull(),
  /** From 1. */
  n: integer().notNull(),
  sha256: text().notNull(),
  data: bytea().notNull(),
}, (t) => [primaryKey({ columns: [t.artifactId, t.n] })]);

/** Parts in the object store that are to be removed, from `notBefore` on, unless they are parts of something by then. */
export const objectGarbage = pgTable("object_garbage", {
  artifactId: uuid("artifact_id").notNull(),
  n: integer().notNull(),
  sha256: text().notNull(),
  notBefore: at("not_before").notNull(),
}, (t) => [
  primaryKey({ columns: [t.artifactId, t.n, t.sha256] }),
  index("object_garbage_due").on(t.notBefore),
]);
