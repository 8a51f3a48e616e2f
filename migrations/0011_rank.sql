DROP INDEX "run_queue_order";--> statement-breakpoint
ALTER TABLE "run_queue" ADD COLUMN "rank" timestamp with time zone DEFAULT now() NOT NULL;--> statement-breakpoint
UPDATE "run_queue" SET "rank" = "available_at" + ("priority" - 2) * CASE WHEN "priority" < 2 THEN interval '365000 days' ELSE interval '10 minutes' END;--> statement-breakpoint
CREATE INDEX "run_queue_rank" ON "run_queue" USING btree ("rank","run_id");