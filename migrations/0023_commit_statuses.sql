CREATE TABLE "commit_statuses" (
	"endpoint_id" uuid NOT NULL,
	"repo" text NOT NULL,
	"sha" text NOT NULL,
	"context" text NOT NULL,
	"target_url" text NOT NULL,
	"run_id" uuid,
	"phase" text NOT NULL,
	"told" text DEFAULT '' NOT NULL,
	"is_open" boolean DEFAULT true NOT NULL,
	"next_try_at" timestamp with time zone NOT NULL,
	"tries" integer DEFAULT 0 NOT NULL,
	"failing_since" timestamp with time zone,
	"problem" text DEFAULT '' NOT NULL,
	CONSTRAINT "commit_statuses_endpoint_id_repo_sha_context_pk" PRIMARY KEY("endpoint_id","repo","sha","context")
);
--> statement-breakpoint
ALTER TABLE "endpoints" ADD COLUMN "api_token" "bytea";--> statement-breakpoint
ALTER TABLE "endpoints" ADD COLUMN "status_context" text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "endpoints" ADD COLUMN "problem" text DEFAULT '' NOT NULL;--> statement-breakpoint
CREATE INDEX "commit_statuses_due" ON "commit_statuses" USING btree ("next_try_at") WHERE "commit_statuses"."is_open";--> statement-breakpoint
CREATE INDEX "commit_statuses_run" ON "commit_statuses" USING btree ("run_id") WHERE "commit_statuses"."run_id" is not null;