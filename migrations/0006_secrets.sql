CREATE TABLE "secret_handouts" (
	"attempt_id" uuid NOT NULL,
	"secret_id" uuid NOT NULL,
	"version" integer NOT NULL,
	"run_id" uuid NOT NULL,
	"runner_id" uuid NOT NULL,
	"at" timestamp with time zone NOT NULL,
	CONSTRAINT "secret_handouts_attempt_id_secret_id_pk" PRIMARY KEY("attempt_id","secret_id")
);
--> statement-breakpoint
CREATE TABLE "secret_versions" (
	"secret_id" uuid NOT NULL,
	"version" integer NOT NULL,
	"sealed" "bytea" NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	CONSTRAINT "secret_versions_secret_id_version_pk" PRIMARY KEY("secret_id","version")
);
--> statement-breakpoint
CREATE TABLE "secrets" (
	"id" uuid PRIMARY KEY NOT NULL,
	"ref" text NOT NULL,
	"description" text DEFAULT '' NOT NULL,
	"state" text NOT NULL,
	"version" integer NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"updated_at" timestamp with time zone NOT NULL,
	"rotated_at" timestamp with time zone
);
--> statement-breakpoint
ALTER TABLE "runners" ADD COLUMN "token_generation" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "runners" ADD COLUMN "previous_digest" text;--> statement-breakpoint
ALTER TABLE "runners" ADD COLUMN "previous_until" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "runners" ADD COLUMN "public_key" jsonb;--> statement-breakpoint
CREATE INDEX "secret_handouts_of" ON "secret_handouts" USING btree ("secret_id","at");--> statement-breakpoint
CREATE INDEX "secret_handouts_of_run" ON "secret_handouts" USING btree ("run_id");--> statement-breakpoint
CREATE UNIQUE INDEX "secrets_ref" ON "secrets" USING btree ("ref") WHERE "secrets"."state" <> 'deleted';--> statement-breakpoint
CREATE UNIQUE INDEX "runners_previous_token" ON "runners" USING btree ("previous_digest") WHERE "runners"."previous_digest" is not null;