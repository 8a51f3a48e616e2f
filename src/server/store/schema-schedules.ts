/** What the schedules of stored definitions have come to (control-plane contract 4.12 to 4.14). */
import { index, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";
import { at } from "./columns.ts";

/** One row for each definition that has a schedule. */
export const schedules = pgTable("schedules", {
  workflowId: uuid("workflow_id").primaryKey(),
  /** Fingerprints of all entries: another key is another schedule, which remembers nothing. */
  key: text().notNull(),
  /** When this schedule was first saved, or resumed: nothing before counts. */
  since: at("since").notNull(),
  /** Slots up to here were looked at. */
  tickedUntil: at("ticked_until").notNull(),
  /** Starts up to here were made up for, or need not be. */
  replayedUntil: at("replayed_until").notNull(),
  /** When there is something to do; null: never again. */
  dueAt: at("due_at"),
  nextStartAt: at("next_start_at"),
}, (t) => [index("schedules_due").on(t.dueAt)]);

/** What became of a start that was due. Those of one-off entries stay as long as the definition. */
export const scheduleSlots = pgTable("schedule_slots", {
  workflowId: uuid("workflow_id").notNull(),
  fingerprint: text().notNull(),
  slot: at("slot").notNull(),
  /** Why no run was made of it; "": one was. */
  skipped: text().notNull(),
}, (t) => [primaryKey({ columns: [t.workflowId, t.fingerprint, t.slot] })]);
