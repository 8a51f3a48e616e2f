/** The database handle that both drivers satisfy. It is given to the control plane, never opened here. */
import type { PgDatabase, PgQueryResultHKT } from "drizzle-orm/pg-core";
import type * as schema from "./schema.ts";

export type Db = PgDatabase<PgQueryResultHKT, typeof schema>;
export type Transaction = Parameters<Parameters<Db["transaction"]>[0]>[0];
/** Where a statement may run: on its own or inside a caller's transaction. */
export type Executor = Db | Transaction;
