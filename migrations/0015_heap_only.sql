DROP INDEX "runs_active";--> statement-breakpoint
DROP INDEX "attempts_live";--> statement-breakpoint
DROP INDEX "attempts_of_runner";--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "is_waiting" boolean GENERATED ALWAYS AS (status = 7) STORED NOT NULL;--> statement-breakpoint
CREATE INDEX "runs_waiting" ON "runs" USING btree ("id") WHERE "runs"."is_waiting";--> statement-breakpoint
CREATE UNIQUE INDEX "attempts_live" ON "attempts" USING btree ("run_id") WHERE "attempts"."ended_at" is null;--> statement-breakpoint
CREATE INDEX "attempts_of_runner" ON "attempts" USING btree ("runner_id") WHERE "attempts"."ended_at" is null;--> statement-breakpoint
-- Room on each page for the next versions of its rows.
ALTER TABLE "runs" SET (fillfactor = 50);--> statement-breakpoint
ALTER TABLE "attempts" SET (fillfactor = 50);--> statement-breakpoint
ALTER TABLE "attempt_leases" SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);--> statement-breakpoint
ALTER TABLE "run_queue" SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);--> statement-breakpoint
ALTER TABLE "slots" SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);--> statement-breakpoint
ALTER TABLE "runners_live" SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);
