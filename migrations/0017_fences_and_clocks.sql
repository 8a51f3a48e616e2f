ALTER TABLE "control_heartbeat" ADD COLUMN "fence_epoch" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "registration_tokens" ADD COLUMN "capacity_max" integer;--> statement-breakpoint
ALTER TABLE "runners" ADD COLUMN "clock_offset_ms" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "cancel_reason" text;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "clean_up_sec" integer DEFAULT 5 NOT NULL;