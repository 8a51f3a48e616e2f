ALTER TABLE "blobs" ADD COLUMN "used_at" timestamp with time zone DEFAULT now() NOT NULL;--> statement-breakpoint
CREATE INDEX "blobs_used" ON "blobs" USING btree ("used_at");