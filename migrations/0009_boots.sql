ALTER TABLE "attempts" ADD COLUMN "boot" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "runners" ADD COLUMN "boot" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "runners" ADD COLUMN "boot_id" text DEFAULT '' NOT NULL;