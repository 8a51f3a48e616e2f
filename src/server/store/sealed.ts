/** Everything that is sealed under the operator's keys, whichever table it is in. */
import { sql } from "drizzle-orm";
import type { Executor } from "./db.ts";
import { query } from "./query.ts";

/** What a sealed text is for, by which it is opened. */
export interface SealedPlace {
  readonly kind: "secret" | "webhook" | "endpoint" | "previous" | "connection";
  readonly id: string;
  /** Of a secret; 0 otherwise. */
  readonly version: number;
}

export interface SealedRow extends SealedPlace {
  readonly sealed: Uint8Array;
}

/** Id of the key in the envelope; "": what an earlier version sealed, without one. */
const KEY_ID = sql`case when substring(sealed from 1 for 8) = 'daguenv1'::bytea
  then convert_from(substring(sealed from 10 for get_byte(sealed, 8)), 'UTF8') else '' end`;

const ALL = sql`(
  select 'secret' as kind, secret_id as id, version, sealed from secret_versions
  union all select 'webhook', id, 0, hmac_secret from webhooks where hmac_secret is not null
  union all select 'endpoint', id, 0, secret from endpoints
  union all select 'previous', id, 0, previous_secret from endpoints where previous_secret is not null
  union all select 'connection', id, 0, api_token from endpoints where api_token is not null)`;

/** How much is sealed under each key. */
export async function countByKey(db: Executor): Promise<ReadonlyMap<string, number>> {
  const rows = await query<{ key_id: string; n: number }>(
    db,
    sql`select ${KEY_ID} as key_id, count(*)::int as n from ${ALL} s group by 1 order by 1`,
  );
  return new Map(rows.map((row) => [row.key_id, row.n]));
}

/** Of other keys than this one, after `after` in the order of their places. */
export async function sealedUnderOthers(
  db: Executor,
  keyId: string,
  after: SealedPlace | null,
  limit: number,
): Promise<SealedRow[]> {
  const from = after === null
    ? sql`true`
    : sql`(kind, id, version) > (${after.kind}, ${after.id}::uuid, ${after.version}::int)`;
  const rows = await query<{ kind: SealedPlace["kind"]; id: string; version: number; sealed: string }>(
    db,
    sql`
    select kind, id::text, version, encode(sealed, 'base64') as sealed from ${ALL} s
    where ${KEY_ID} <> ${keyId} and ${from} order by kind, id, version limit ${limit}`,
  );
  return rows.map((row) => ({ ...row, sealed: Uint8Array.fromBase64(row.sealed) }));
}

/** Only in the place of exactly what was read; false: somebody changed it meanwhile. */
export async function replaceSealed(db: Executor, row: SealedRow, sealed: Uint8Array): Promise<boolean> {
  const [before, after] = [row.sealed.toBase64(), sealed.toBase64()];
  const is = (column: string) => sql`${sql.raw(column)} = decode(${before}, 'base64')`;
  const to = sql`decode(${after}, 'base64')`;
  const statement = {
    secret: sql`update secret_versions set sealed = ${to}
      where secret_id = ${row.id} and version = ${row.version} and ${is("sealed")} returning 1 as done`,
    webhook: sql`update webhooks set hmac_secret = ${to} where id = ${row.id} and ${is("hmac_secret")}
      returning 1 as done`,
    endpoint: sql`update endpoints set secret = ${to} where id = ${row.id} and ${
      is("secret")
    } returning 1 as done`,
    previous: sql`update endpoints set previous_secret = ${to} where id = ${row.id} and ${
      is("previous_secret")
    }
      returning 1 as done`,
    connection: sql`update endpoints set api_token = ${to} where id = ${row.id} and ${is("api_token")}
      returning 1 as done`,
  }[row.kind];
  return (await query(db, statement)).length > 0;
}
