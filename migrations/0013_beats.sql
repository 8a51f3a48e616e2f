ALTER TABLE "attempt_leases" ADD COLUMN "missed_beat" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "runners_live" ADD COLUMN "beat" bigint DEFAULT 0 NOT NULL;