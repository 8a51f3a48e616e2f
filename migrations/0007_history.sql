ALTER TABLE "runs" ADD COLUMN "keep_days" integer;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "keep_runs" integer;