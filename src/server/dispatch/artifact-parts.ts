/**
 * Where the bytes of artifacts are: small ones in the database, larger ones in the object store when there is one. An object
 * is named by its content, never written over, and noted before it is written, so that none is left that nobody knows.
 */
import { sha256 as incremental } from "@noble/hashes/sha2.js";
import type { ServerPorts } from "../ports.ts";
import { type ArtifactRow, partDigest, partDigests, readPart } from "../store/artifacts.ts";
import type { Executor } from "../store/db.ts";
import { objectKey } from "../store/objects.ts";

/** Below it a request to the store costs more than the bytes weigh in the database. */
const OBJECT_FROM_BYTES = 262_144;

export function storeFor({ objects }: Pick<ServerPorts, "objects">, size: number): ArtifactRow["store"] {
  return objects !== undefined && size >= OBJECT_FROM_BYTES ? "objects" : "database";
}

/** null: it is not there, or was taken away meanwhile. */
export async function readArtifactPart(
  ports: Pick<ServerPorts, "db" | "objects">,
  row: Pick<ArtifactRow, "id" | "store">,
  n: number,
): Promise<Uint8Array | null> {
  if (row.store === "database") return await readPart(ports.db, row.id, n);
  const sha256 = await partDigest(ports.db, row.id, n);
  if (sha256 === null || ports.objects === undefined) return null;
  return await ports.objects.get(objectKey({ artifactId: row.id, n, sha256 }));
}

/** In the database, where whoever asks has the upload in hand. */
export async function digestOfParts(db: Executor, row: ArtifactRow): Promise<string> {
  const hash = incremental.create();
  for (const { n } of await partDigests(db, row.id)) {
    hash.update(await readPart(db, row.id, n) ?? new Uint8Array());
  }
  return hash.digest().toHex();
}

/** In the object store. Nothing is held meanwhile: the network is between. */
export async function digestOfObjects(
  { objects }: Pick<ServerPorts, "objects">,
  row: ArtifactRow,
  parts: readonly { readonly n: number; readonly sha256: string }[],
): Promise<string> {
  const hash = incremental.create();
  for (const { n, sha256 } of parts) {
    hash.update(await objects?.get(objectKey({ artifactId: row.id, n, sha256 })) ?? new Uint8Array());
  }
  return hash.digest().toHex();
}
