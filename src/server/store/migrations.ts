/** Which migrations a database has, as Drizzle's migrator notes them. */
import { sql } from "drizzle-orm";
import type { Db } from "./db.ts";
import { query } from "./query.ts";

/** Epoch ms at which the newest applied migration was made; 0: none was applied. */
export async function newestMigration(db: Db): Promise<number> {
  try {
    const [row] = await query<{ at: string | number | null }>(
      db,
      sql`select max(created_at) as at from drizzle.__drizzle_migrations`,
    );
    return Number(row?.at ?? 0);
  } catch {
    // A new database has no such table. One that cannot be read fails again when it is migrated, with the cause.
    return 0;
  }
}
