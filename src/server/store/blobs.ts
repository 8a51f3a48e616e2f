/** Immutable content by digest: definition texts, payloads. */
import { eq, sql } from "drizzle-orm";
import type { Blob } from "./blob.ts";
import type { Executor } from "./db.ts";
import { PREPARED, query } from "./query.ts";
import { blobs } from "./schema.ts";

/** Storing what is there already changes nothing. */
export async function putBlob(db: Executor, blob: Blob, now: Date): Promise<void> {
  await db.insert(blobs)
    .values({ digest: blob.digest, sizeBytes: blob.data.length, data: blob.data, createdAt: now })
    .onConflictDoNothing();
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
