/** What people have set of queues; a queue without a row is as its workflows say (control-plane contract 4.6). */
import { boolean, integer, jsonb, pgTable, text } from "drizzle-orm/pg-core";
import { at } from "./columns.ts";

export const queues = pgTable("queues", {
  name: text().primaryKey(),
  /** null: as the workflows say. */
  maxConcurrency: integer("max_concurrency"),
  /** Nothing that waits for a slot is claimed. */
  paused: boolean().notNull(),
  /** At most so many claims in so many seconds, whenever these begin (QU-17); null: any number. */
  rateLimit: integer("rate_limit"),
  ratePeriodS: integer("rate_period_s"),
  /** When those were that still count, epoch ms. */
  rateWindow: jsonb("rate_window").$type<readonly number[]>().notNull().default([]),
  updatedAt: at("updated_at").notNull(),
});
