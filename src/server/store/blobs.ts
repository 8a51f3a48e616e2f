/** Immutable content by digest: definition texts, payloads. */
import { and, eq, lt, sql } from "drizzle-orm";
import type { Blob } from "./blob.ts";
import type { Db, Executor, Transaction } from "./db.ts";
import { PREPARED, query, takeTime } from "./query.ts";
import { blobs } from "./schema.ts";

/** Within this time, one that is used again is not marked again. */
const MARKED_MS = 3_600_000;
/** Much longer than any transaction that is about to use one takes, and than marks are old. */
const UNUSED_MS = 48 * 3_600_000;
const SWEPT_AT_ONCE = 10_000;

/**
 * Storing what is there already marks it as used. The mark comes first: what was marked is not deleted before the caller's
 * transaction ends, and what was deleted just before is stored anew.
 */
export async function putBlob(tx: Transaction, { digest, data }: Blob, now: Date): Promise<void> {
  const markedBefore = new Date(now.getTime() - MARKED_MS);
  // One way to the database, which does them in this order.
  await Promise.all([
    tx.update(blobs).set({ usedAt: now }).where(
      and(eq(blobs.digest, digest), lt(blobs.usedAt, markedBefore)),
    ),
    tx.insert(blobs).values({ digest, sizeBytes: data.length, data, createdAt: now, usedAt: now })
      .onConflictDoNothing(),
  ]);
}

/**
 * Deletes what no run, no input and no stored workflow has used for two days, and marks the rest of what is as old (RN-05): once
 * an hour, since it looks through all runs.
 */
export async function deleteUnusedBlobs(db: Db, now: Date): Promise<void> {
  const unusedSince = now.getTime() - UNUSED_MS;
  const [due] = await db.select({ digest: blobs.digest }).from(blobs)
    .where(lt(blobs.usedAt, new Date(unusedSince - MARKED_MS))).limit(1);
  if (due === undefined) return;
  await db.transaction(async (tx) => {
    await takeTime(tx);
    await query(
      tx,
      sql`
      with old as (
          select digest from blobs where used_at < ${new Date(unusedSince).toISOString()}::timestamptz
          order by used_at limit ${SWEPT_AT_ONCE}::int),
        used as (
          select digest from runs where digest in (select digest from old)
          union select digest from run_inputs where digest in (select digest from old)
          union select digest from workflows where digest in (select digest from old)
          union select digest from workflow_revisions where digest in (select digest from old)),
        marked as (
          update blobs set used_at = ${now.toISOString()}::timestamptz where digest in (select digest from used))
      delete from blobs where digest in (select digest from old) and digest not in (select digest from used)
        and used_at < ${new Date(unusedSince).toISOString()}::timestamptz`,
    );
  });
}

export async function getBlob(db: Executor, digest: string): Promise<Uint8Array | null> {
  const [row] = await db.select({ data: blobs.data }).from(blobs).where(eq(blobs.digest, digest));
  return row?.data ?? null;
}

export async function getText(db: Executor, digest: string): Promise<string | null> {
  const data = await getBlob(db, digest);
  return data === null ? null : textOf(data);
}

/** Those that there are, by digest. */
export async function getTexts(
  db: Executor,
  digests: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const rows = await query<{ digest: string; data: Uint8Array }>(
    db,
    sql`
    select digest, data from blobs
    where digest in (select jsonb_array_elements_text(${JSON.stringify(digests)}::jsonb)) ${PREPARED}`,
  );
  return new Map(rows.map(({ digest, data }) => [digest, textOf(data)]));
}

/** All of it, a mark of the byte order too: the digest is of that. */
function textOf(data: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(data);
}
