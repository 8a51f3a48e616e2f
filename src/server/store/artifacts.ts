/** Files of runs: a row for each, its bytes in parts. */
import { and, asc, eq, inArray, lt, ne } from "drizzle-orm";
import type { Executor, Transaction } from "./db.ts";
import { discardObjects } from "./objects.ts";
import { artifactParts, artifacts, runs } from "./schema.ts";

export type ArtifactRow = typeof artifacts.$inferSelect;

export async function listArtifacts(db: Executor, runId: string): Promise<ArtifactRow[]> {
  return await db.select().from(artifacts)
    .where(and(eq(artifacts.runId, runId), eq(artifacts.state, "complete"))).orderBy(asc(artifacts.path));
}

export async function findArtifact(db: Executor, runId: string, path: string): Promise<ArtifactRow | null> {
  const [row] = await db.select().from(artifacts)
    .where(and(eq(artifacts.runId, runId), eq(artifacts.path, path), eq(artifacts.state, "complete")));
  return row ?? null;
}

export async function insertArtifact(db: Executor, row: typeof artifacts.$inferInsert): Promise<void> {
  await db.insert(artifacts).values(row);
}

/** As it is now; null: there is no such upload of this attempt. */
export async function findUpload(db: Executor, id: string, attemptId: string): Promise<ArtifactRow | null> {
  const [row] = await db.select().from(artifacts)
    .where(and(eq(artifacts.id, id), eq(artifacts.attemptId, attemptId)));
  return row ?? null;
}

/** Held until the transaction ends; null: there is no such upload of this attempt. */
export async function lockUpload(
  tx: Transaction,
  id: string,
  attemptId: string,
): Promise<ArtifactRow | null> {
  const [row] = await tx.select().from(artifacts)
    .where(and(eq(artifacts.id, id), eq(artifacts.attemptId, attemptId))).for("update");
  return row ?? null;
}

/** A part that is sent again takes the place of the first. */
export async function putPart(
  tx: Transaction,
  part: {
    readonly artifactId: string;
    readonly n: number;
    readonly sha256: string;
    readonly data: Uint8Array;
  },
): Promise<void> {
  const { sha256, data } = part;
  await tx.insert(artifactParts).values(part)
    .onConflictDoUpdate({ target: [artifactParts.artifactId, artifactParts.n], set: { sha256, data } });
}

export async function partDigests(
  db: Executor,
  artifactId: string,
): Promise<{ n: number; sha256: string }[]> {
  return await db.select({ n: artifactParts.n, sha256: artifactParts.sha256 }).from(artifactParts)
    .where(eq(artifactParts.artifactId, artifactId)).orderBy(asc(artifactParts.n));
}

export async function partDigest(db: Executor, artifactId: string, n: number): Promise<string | null> {
  const [row] = await db.select({ sha256: artifactParts.sha256 }).from(artifactParts)
    .where(and(eq(artifactParts.artifactId, artifactId), eq(artifactParts.n, n)));
  return row?.sha256 ?? null;
}

export async function readPart(db: Executor, artifactId: string, n: number): Promise<Uint8Array | null> {
  const [row] = await db.select({ data: artifactParts.data }).from(artifactParts)
    .where(and(eq(artifactParts.artifactId, artifactId), eq(artifactParts.n, n)));
  return row?.data ?? null;
}

/** From now on it is the one at its path; what was there goes, and so do other uploads for it. */
export async function markComplete(tx: Transaction, row: ArtifactRow): Promise<void> {
  await tx.update(runs).set({ hasArtifacts: true }).where(eq(runs.id, row.runId));
  const others = await tx.select({ id: artifacts.id }).from(artifacts)
    .where(and(eq(artifacts.runId, row.runId), eq(artifacts.path, row.path), ne(artifacts.id, row.id)));
  await deleteArtifacts(tx, others.map(({ id }) => id));
  await tx.update(artifacts).set({ state: "complete" }).where(eq(artifacts.id, row.id));
}

export async function deleteArtifacts(db: Executor, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await discardObjects(db, ids);
  await db.delete(artifactParts).where(inArray(artifactParts.artifactId, [...ids]));
  await db.delete(artifacts).where(inArray(artifacts.id, [...ids]));
}

/** Uploads that nobody goes on with, at most `limit`. */
export async function staleUploads(db: Executor, before: Date, limit: number): Promise<string[]> {
  const rows = await db.select({ id: artifacts.id }).from(artifacts)
    .where(and(eq(artifacts.state, "uploading"), lt(artifacts.createdAt, before))).limit(limit);
  return rows.map(({ id }) => id);
}
