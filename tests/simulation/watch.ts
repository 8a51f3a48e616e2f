/** Which runs were written since they were last looked at: noted by triggers, in the writing transaction itself. */
import type { Query } from "./database.ts";

/** Tables whose rows belong to a run, and the column that names it. */
const WATCHED = {
  runs: "id",
  run_queue: "run_id",
  attempts: "run_id",
  run_events: "run_id",
  secret_handouts: "run_id",
  artifacts: "run_id",
} as const;

export async function watch(db: Query): Promise<void> {
  await db.query("create schema watch");
  await db.query("create table watch.touched (run_id uuid not null)");
  for (const column of ["id", "run_id"]) {
    await db.query(`
      create function watch.touch_${column}() returns trigger language plpgsql as $$
      begin
        insert into watch.touched values (coalesce(new.${column}, old.${column}));
        return null;
      end $$`);
  }
  for (const [table, column] of Object.entries(WATCHED)) {
    await db.query(`
      create trigger touched after insert or update or delete on ${table}
      for each row execute function watch.touch_${column}()`);
  }
}
