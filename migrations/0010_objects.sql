CREATE TABLE "object_garbage" (
	"artifact_id" uuid NOT NULL,
	"n" integer NOT NULL,
	"sha256" text NOT NULL,
	"not_before" timestamp with time zone NOT NULL,
	CONSTRAINT "object_garbage_artifact_id_n_sha256_pk" PRIMARY KEY("artifact_id","n","sha256")
);
--> statement-breakpoint
ALTER TABLE "artifacts" ADD COLUMN "store" text DEFAULT 'database' NOT NULL;--> statement-breakpoint
CREATE INDEX "object_garbage_due" ON "object_garbage" USING btree ("not_before");