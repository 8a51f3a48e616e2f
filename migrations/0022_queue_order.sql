DROP INDEX "run_queue_rank";--> statement-breakpoint
CREATE INDEX "run_queue_slotted" ON "run_queue" USING btree ("queue","rank","run_id") WHERE "run_queue"."needs_slot";