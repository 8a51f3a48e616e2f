CREATE TABLE "api_tokens" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"digest" text NOT NULL,
	"prefix" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"expires_at" timestamp with time zone,
	"revoked_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "attempt_leases" (
	"attempt_id" uuid PRIMARY KEY NOT NULL,
	"runner_id" uuid NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"grace_ms" bigint NOT NULL,
	"start_deadline" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "attempts" (
	"id" uuid PRIMARY KEY NOT NULL,
	"run_id" uuid NOT NULL,
	"fence" integer NOT NULL,
	"runner_id" uuid NOT NULL,
	"claim_id" uuid NOT NULL,
	"state" text NOT NULL,
	"reason" text DEFAULT '' NOT NULL,
	"token_digest" text NOT NULL,
	"ack_seq" integer DEFAULT 0 NOT NULL,
	"cancel_requested_at" timestamp with time zone,
	"cancel_deadline" timestamp with time zone,
	"claimed_at" timestamp with time zone NOT NULL,
	"started_at" timestamp with time zone,
	"ended_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "blobs" (
	"digest" text PRIMARY KEY NOT NULL,
	"size_bytes" bigint NOT NULL,
	"data" "bytea" NOT NULL,
	"created_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "control_heartbeat" (
	"id" smallint PRIMARY KEY NOT NULL,
	"last_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "deliveries" (
	"id" uuid PRIMARY KEY NOT NULL,
	"source" text NOT NULL,
	"source_name" text NOT NULL,
	"kind" text NOT NULL,
	"dedupe_key" text,
	"received_at" timestamp with time zone NOT NULL,
	"source_ip" text,
	"headers" jsonb,
	"body_digest" text,
	"body_bytes" integer NOT NULL,
	"event" text,
	"action" text,
	"repo" text,
	"outcome" text NOT NULL,
	"reason" text NOT NULL,
	"http_status" smallint NOT NULL,
	"answer" jsonb NOT NULL,
	"duplicates" integer DEFAULT 0 NOT NULL
);
--> statement-breakpoint
CREATE TABLE "delivery_decisions" (
	"delivery_id" uuid NOT NULL,
	"workflow" text NOT NULL,
	"block" text NOT NULL,
	"matched" boolean NOT NULL,
	"condition" text NOT NULL,
	"detail" text NOT NULL,
	"run_id" uuid,
	CONSTRAINT "delivery_decisions_delivery_id_workflow_block_pk" PRIMARY KEY("delivery_id","workflow","block")
);
--> statement-breakpoint
CREATE TABLE "directives" (
	"id" uuid PRIMARY KEY NOT NULL,
	"runner_id" uuid NOT NULL,
	"attempt_id" uuid,
	"type" text NOT NULL,
	"data" jsonb NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"acked_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "endpoints" (
	"id" uuid PRIMARY KEY NOT NULL,
	"public_id" text NOT NULL,
	"kind" text NOT NULL,
	"name" text NOT NULL,
	"enabled" boolean DEFAULT true NOT NULL,
	"repos" text[] NOT NULL,
	"fork_policy" text NOT NULL,
	"secret" "bytea" NOT NULL,
	"previous_secret" "bytea",
	"created_at" timestamp with time zone NOT NULL,
	"last_delivery_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "log_chunks" (
	"stream_id" uuid NOT NULL,
	"off" bigint NOT NULL,
	"len" integer NOT NULL,
	"first_line" bigint NOT NULL,
	"data" "bytea" NOT NULL,
	CONSTRAINT "log_chunks_stream_id_off_pk" PRIMARY KEY("stream_id","off")
);
--> statement-breakpoint
CREATE TABLE "log_streams" (
	"id" uuid PRIMARY KEY NOT NULL,
	"run_id" uuid NOT NULL,
	"attempt" integer NOT NULL,
	"step" text NOT NULL,
	"stream" text NOT NULL,
	"next_offset" bigint NOT NULL,
	"stored" bigint NOT NULL,
	"lines" bigint NOT NULL,
	"is_final" boolean DEFAULT false NOT NULL
);
--> statement-breakpoint
CREATE TABLE "registration_tokens" (
	"id" uuid PRIMARY KEY NOT NULL,
	"digest" text NOT NULL,
	"prefix" text NOT NULL,
	"labels" jsonb NOT NULL,
	"uses_left" integer NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"expires_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "run_events" (
	"run_id" uuid NOT NULL,
	"attempt" integer NOT NULL,
	"seq" integer NOT NULL,
	"type" text NOT NULL,
	"step" text,
	"at" timestamp with time zone NOT NULL,
	"received_at" timestamp with time zone NOT NULL,
	"body" jsonb NOT NULL,
	CONSTRAINT "run_events_run_id_attempt_seq_pk" PRIMARY KEY("run_id","attempt","seq")
);
--> statement-breakpoint
CREATE TABLE "run_inputs" (
	"run_id" uuid NOT NULL,
	"name" text NOT NULL,
	"digest" text NOT NULL,
	"size_bytes" bigint NOT NULL,
	CONSTRAINT "run_inputs_run_id_name_pk" PRIMARY KEY("run_id","name")
);
--> statement-breakpoint
CREATE TABLE "run_queue" (
	"run_id" uuid PRIMARY KEY NOT NULL,
	"queue" text NOT NULL,
	"needs_slot" boolean NOT NULL,
	"selector" jsonb NOT NULL,
	"is_untrusted" boolean NOT NULL,
	"priority" smallint NOT NULL,
	"available_at" timestamp with time zone NOT NULL,
	"excluded" uuid[] NOT NULL
);
--> statement-breakpoint
CREATE TABLE "run_steps" (
	"run_id" uuid NOT NULL,
	"step" text NOT NULL,
	"ord" integer NOT NULL,
	"is_handler" boolean NOT NULL,
	"status" smallint NOT NULL,
	"state" jsonb NOT NULL,
	CONSTRAINT "run_steps_run_id_step_pk" PRIMARY KEY("run_id","step")
);
--> statement-breakpoint
CREATE TABLE "runners" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"machine_id" text NOT NULL,
	"labels" jsonb NOT NULL,
	"fixed_labels" jsonb NOT NULL,
	"capacity" integer NOT NULL,
	"features" text[] NOT NULL,
	"version" text NOT NULL,
	"os" text NOT NULL,
	"arch" text NOT NULL,
	"engine" jsonb,
	"token_digest" text NOT NULL,
	"token_expires_at" timestamp with time zone NOT NULL,
	"state" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "runners_live" (
	"runner_id" uuid PRIMARY KEY NOT NULL,
	"last_seen_at" timestamp with time zone NOT NULL,
	"free" integer NOT NULL,
	"spool_bytes" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "runs" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"dag_run_id" text NOT NULL,
	"file_name" text,
	"digest" text NOT NULL,
	"status" smallint NOT NULL,
	"reason" text DEFAULT '' NOT NULL,
	"failure" jsonb,
	"trigger_type" text NOT NULL,
	"trigger_actor" text NOT NULL,
	"trust" text NOT NULL,
	"queue" text NOT NULL,
	"needs_slot" boolean NOT NULL,
	"priority" smallint NOT NULL,
	"labels" text[] NOT NULL,
	"params" jsonb NOT NULL,
	"env" jsonb NOT NULL,
	"selector" jsonb NOT NULL,
	"schedule_time" timestamp with time zone,
	"delivery_id" uuid,
	"approval_sha" text,
	"created_at" timestamp with time zone NOT NULL,
	"queued_at" timestamp with time zone,
	"started_at" timestamp with time zone,
	"finished_at" timestamp with time zone,
	"cancel_requested_at" timestamp with time zone,
	"cancel_by" text,
	"attempt" integer DEFAULT 0 NOT NULL,
	"requeues" smallint DEFAULT 0 NOT NULL,
	"runner_id" uuid,
	"container" jsonb,
	"notes" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"version" integer DEFAULT 0 NOT NULL
);
--> statement-breakpoint
CREATE TABLE "slots" (
	"queue" text NOT NULL,
	"n" integer NOT NULL,
	"attempt_id" uuid,
	CONSTRAINT "slots_queue_n_pk" PRIMARY KEY("queue","n")
);
--> statement-breakpoint
CREATE TABLE "webhooks" (
	"id" uuid PRIMARY KEY NOT NULL,
	"file_name" text NOT NULL,
	"token_digest" text NOT NULL,
	"token_prefix" text NOT NULL,
	"token_expires_at" timestamp with time zone,
	"enabled" boolean DEFAULT true NOT NULL,
	"auth_mode" text NOT NULL,
	"enforcement_mode" text NOT NULL,
	"hmac_secret" "bytea",
	"hmac_updated_at" timestamp with time zone,
	"created_at" timestamp with time zone NOT NULL,
	"updated_at" timestamp with time zone NOT NULL,
	"last_used_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "workflow_revisions" (
	"workflow_id" uuid NOT NULL,
	"digest" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"author" text NOT NULL,
	CONSTRAINT "workflow_revisions_workflow_id_digest_pk" PRIMARY KEY("workflow_id","digest")
);
--> statement-breakpoint
CREATE TABLE "workflows" (
	"id" uuid PRIMARY KEY NOT NULL,
	"file_name" text NOT NULL,
	"name" text NOT NULL,
	"digest" text NOT NULL,
	"problems" jsonb NOT NULL,
	"labels" text[] NOT NULL,
	"has_triggers" boolean NOT NULL,
	"suspended" boolean DEFAULT false NOT NULL,
	"updated_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX "api_tokens_digest" ON "api_tokens" USING btree ("digest");--> statement-breakpoint
CREATE UNIQUE INDEX "attempts_fence" ON "attempts" USING btree ("run_id","fence");--> statement-breakpoint
CREATE UNIQUE INDEX "attempts_live" ON "attempts" USING btree ("run_id") WHERE "attempts"."state" in ('claimed', 'started', 'cancelling');--> statement-breakpoint
CREATE INDEX "attempts_claim" ON "attempts" USING btree ("claim_id");--> statement-breakpoint
CREATE INDEX "attempts_of_runner" ON "attempts" USING btree ("runner_id") WHERE "attempts"."state" in ('claimed', 'started', 'cancelling');--> statement-breakpoint
CREATE INDEX "deliveries_received" ON "deliveries" USING btree ("received_at" DESC NULLS LAST);--> statement-breakpoint
CREATE UNIQUE INDEX "deliveries_dedupe" ON "deliveries" USING btree ("source","dedupe_key") WHERE "deliveries"."dedupe_key" is not null;--> statement-breakpoint
CREATE INDEX "directives_open" ON "directives" USING btree ("runner_id") WHERE "directives"."acked_at" is null;--> statement-breakpoint
CREATE UNIQUE INDEX "endpoints_public_id" ON "endpoints" USING btree ("public_id");--> statement-breakpoint
CREATE UNIQUE INDEX "endpoints_name" ON "endpoints" USING btree ("name");--> statement-breakpoint
CREATE UNIQUE INDEX "log_streams_of" ON "log_streams" USING btree ("run_id","attempt","step","stream");--> statement-breakpoint
CREATE UNIQUE INDEX "registration_tokens_digest" ON "registration_tokens" USING btree ("digest");--> statement-breakpoint
CREATE INDEX "run_queue_order" ON "run_queue" USING btree ("priority","available_at","run_id");--> statement-breakpoint
CREATE UNIQUE INDEX "runners_token" ON "runners" USING btree ("token_digest");--> statement-breakpoint
CREATE UNIQUE INDEX "runs_identity" ON "runs" USING btree ("name","dag_run_id");--> statement-breakpoint
CREATE INDEX "runs_newest" ON "runs" USING btree ("id" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "runs_of_name" ON "runs" USING btree ("name","id" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "runs_active" ON "runs" USING btree ("status") WHERE "runs"."status" in (0, 1, 5, 7);--> statement-breakpoint
CREATE INDEX "slots_free" ON "slots" USING btree ("queue") WHERE "slots"."attempt_id" is null;--> statement-breakpoint
CREATE INDEX "slots_taken" ON "slots" USING btree ("attempt_id") WHERE "slots"."attempt_id" is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "webhooks_file_name" ON "webhooks" USING btree ("file_name");--> statement-breakpoint
CREATE UNIQUE INDEX "webhooks_token" ON "webhooks" USING btree ("token_digest");--> statement-breakpoint
CREATE UNIQUE INDEX "workflows_file_name" ON "workflows" USING btree ("file_name");--> statement-breakpoint
CREATE INDEX "workflows_name" ON "workflows" USING btree ("name");