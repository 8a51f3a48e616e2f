/** Immutable content by digest: definition texts, payloads. */
import { sha256 } from "../../workflow/digest.ts";
import { eq } from "drizzle-orm";
import type { Executor } from "./db.ts";
import { blobs } from "./schema.ts";

/** `sha256:` and 64 hex digits. */
export async function digestOf(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return `sha256:${await sha256(bytes)}`;
}

export interface Blob {
  readonly digest: string;
  readonly data: Uint8Array<ArrayBuffer>;
}

export async function newBlob(data: Uint8Array<ArrayBuffer>): Promise<Blob> {
  return { digest: await digestOf(data), data };
}

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
  return data === null ? null : new TextDecoder().decode(data);
}
