CREATE TABLE "state_answers" (
	"attempt_id" uuid NOT NULL,
	"request_id" text NOT NULL,
	"reply" jsonb NOT NULL,
	CONSTRAINT "state_answers_attempt_id_request_id_pk" PRIMARY KEY("attempt_id","request_id")
);
--> statement-breakpoint
ALTER TABLE "runners" ADD COLUMN "registered_by" uuid;