ALTER TABLE "run_queue" ADD COLUMN "needs_cpu" double precision DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "run_queue" ADD COLUMN "needs_memory" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "run_queue" drop column "class";--> statement-breakpoint
ALTER TABLE "run_queue" ADD COLUMN "class" text GENERATED ALWAYS AS (md5((case when needs_slot then 's' || queue else '' end) || chr(10) || is_untrusted::text || selector::text
      || needs_cpu::text || ' ' || needs_memory::text)) STORED NOT NULL;--> statement-breakpoint
CREATE INDEX "run_queue_classes" ON "run_queue" USING btree ("class","rank","run_id");--> statement-breakpoint
ALTER TABLE "runners_live" ADD COLUMN "free_cpu" double precision;--> statement-breakpoint
ALTER TABLE "runners_live" ADD COLUMN "free_memory" bigint;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "needs_cpu" double precision DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "needs_memory" bigint DEFAULT 0 NOT NULL;
