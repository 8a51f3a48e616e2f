/** What people have set of queues; a queue without a row is as its workflows say (control-plane contract 4.6). */
import { boolean, integer, pgTable, text } from "drizzle-orm/pg-core";
import { at } from "./columns.ts";

export const queues = pgTable("queues", {
  name: text().primaryKey(),
  /** null: as the workflows say. */
  maxConcurrency: integer("max_concurrency"),
  /** Nothing that waits for a slot is claimed. */
  paused: boolean().notNull(),
  updatedAt: at("updated_at").notNull(),
});
