CREATE TABLE "schedule_slots" (
	"workflow_id" uuid NOT NULL,
	"fingerprint" text NOT NULL,
	"slot" timestamp with time zone NOT NULL,
	"skipped" text NOT NULL,
	CONSTRAINT "schedule_slots_workflow_id_fingerprint_slot_pk" PRIMARY KEY("workflow_id","fingerprint","slot")
);
--> statement-breakpoint
CREATE TABLE "schedules" (
	"workflow_id" uuid PRIMARY KEY NOT NULL,
	"key" text NOT NULL,
	"since" timestamp with time zone NOT NULL,
	"ticked_until" timestamp with time zone NOT NULL,
	"replayed_until" timestamp with time zone NOT NULL,
	"due_at" timestamp with time zone,
	"next_start_at" timestamp with time zone
);
--> statement-breakpoint
CREATE INDEX "schedules_due" ON "schedules" USING btree ("due_at");