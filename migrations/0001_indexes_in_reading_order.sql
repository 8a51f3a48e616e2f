DROP INDEX "deliveries_received";--> statement-breakpoint
DROP INDEX "runs_newest";--> statement-breakpoint
DROP INDEX "runs_of_name";--> statement-breakpoint
CREATE INDEX "deliveries_refused" ON "deliveries" USING btree ("received_at") WHERE "deliveries"."outcome" = 'refused';--> statement-breakpoint
CREATE INDEX "runs_of_name" ON "runs" USING btree ("name","id");