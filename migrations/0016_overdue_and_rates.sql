ALTER TABLE "queues" ADD COLUMN "rate_limit" integer;--> statement-breakpoint
ALTER TABLE "queues" ADD COLUMN "rate_period_s" integer;--> statement-breakpoint
ALTER TABLE "queues" ADD COLUMN "rate_window" jsonb DEFAULT '[]'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "timeout_sec" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
CREATE INDEX "runs_of_root" ON "runs" USING btree ("root_id") WHERE "runs"."root_id" is not null;