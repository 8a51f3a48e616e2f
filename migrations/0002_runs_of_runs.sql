CREATE TABLE "workflow_state" (
	"scope" text NOT NULL,
	"namespace" text NOT NULL,
	"key" text NOT NULL,
	"value" jsonb NOT NULL,
	"version" integer NOT NULL,
	"updated_at" timestamp with time zone NOT NULL,
	CONSTRAINT "workflow_state_scope_namespace_key_pk" PRIMARY KEY("scope","namespace","key")
);
--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "document" text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "source_dir" text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "default_dir" text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "parent_id" uuid;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "root_id" uuid;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "child_key" text;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "resumes" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "auto_retries" smallint DEFAULT 0 NOT NULL;--> statement-breakpoint
CREATE INDEX "runs_of_parent" ON "runs" USING btree ("parent_id") WHERE "runs"."parent_id" is not null;