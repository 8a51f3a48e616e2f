/** JSON values that workflows keep between their runs (control-plane contract M13). */
import { integer, jsonb, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";
import { at } from "./columns.ts";

export const workflowState = pgTable("workflow_state", {
  /** `dag:NAME`, `root_dag:NAME`, `global` or `custom`. */
  scope: text().notNull(),
  namespace: text().notNull(),
  key: text().notNull(),
  value: jsonb().notNull(),
  /** From 1; every write adds one. */
  version: integer().notNull(),
  updatedAt: at("updated_at").notNull(),
}, (t) => [primaryKey({ columns: [t.scope, t.namespace, t.key] })]);

/** What live attempts were answered to their writes, so that one that is sent again has the effect of one (M13, INV-21). */
export const stateAnswers = pgTable("state_answers", {
  attemptId: uuid("attempt_id").notNull(),
  /** `Dagu-Request`. */
  requestId: text("request_id").notNull(),
  /** Without values. */
  reply: jsonb().notNull(),
}, (t) => [primaryKey({ columns: [t.attemptId, t.requestId] })]);
