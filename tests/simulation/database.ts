/** The real store for one process of the control plane: each statement takes its time, and the process may end at any. */
import { PGlite } from "@electric-sql/pglite";
import { drizzle } from "drizzle-orm/pglite";
import type { Db } from "../../src/server/store/db.ts";
import * as schema from "../../src/server/store/schema.ts";
import { forgetChanges } from "./watch.ts";

export type Query = Pick<PGlite, "query">;
export type Transact = <T>(work: (query: Query) => Promise<T>) => Promise<T>;

export interface Store extends Query {
  readonly transaction: Transact;
}

/** What stands between a process and the database. */
export interface Road {
  /** Before a statement outside of a transaction, and before a transaction; throws when there is no way. */
  reach(): Promise<void>;
  /** Before each statement inside of one. */
  check(): void;
  /** After something was committed that matters to runs, before the process hears of it. */
  onCommit(): void;
}

/** The store of a process that reaches it over the road. A commit whose answer is lost has happened all the same. */
export function overRoad(store: Store, road: Road): Store {
  return {
    query: async (text, params, options) => {
      await road.reach();
      road.check();
      const answer = await store.query<never>(text, params, options);
      if (matters(text)) road.onCommit();
      road.check();
      return answer;
    },
    transaction: async (work) => {
      await road.reach();
      let isChanged = false;
      const answer = await store.transaction((inner) => {
        road.check();
        return work({
          query: (text, params, options) => {
            road.check();
            isChanged ||= matters(text);
            return inner.query<never>(text, params, options);
          },
        });
      });
      if (isChanged) road.onCommit();
      road.check();
      return answer;
    },
  };
}

/** Whether a statement may change what an invariant speaks of. What a heartbeat writes is looked at with the next such one. */
function matters(text: string): boolean {
  return /^\s*(insert|update|delete|with)\b/i.test(text) &&
    !/"?(runners_live|control_heartbeat)"?|^update "attempt_leases"/.test(text);
}

/** drizzle calls nothing but `query` and `transaction`, which is less than the type of its client promises. */
export function dbOf(store: Store): Db {
  return drizzle({ client: store as unknown as PGlite, schema }) as unknown as Db;
}

/** As migrated. */
export async function emptyTables(store: Query): Promise<void> {
  const tables = await store.query<{ name: string }>(
    "select quote_ident(tablename) as name from pg_tables where schemaname = 'public' order by tablename",
  );
  const names = tables.rows.map((row) => row.name).join(", ");
  await store.query(`truncate ${names} restart identity cascade`);
  await forgetChanges(store);
}
