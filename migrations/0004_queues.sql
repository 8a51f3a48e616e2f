CREATE TABLE "queues" (
	"name" text PRIMARY KEY NOT NULL,
	"max_concurrency" integer,
	"paused" boolean NOT NULL,
	"updated_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "runners" ADD COLUMN "held" boolean DEFAULT false NOT NULL;