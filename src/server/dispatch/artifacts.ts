/** Artifacts of a run as its runner sends them (M10): nothing is listed before it is whole and its digest is right (INV-24). */
import { sha256 } from "../../workflow/digest.ts";
import { sha256 as incremental } from "@noble/hashes/sha2.js";
import {
  ARTIFACT_PART_BYTES,
  type ArtifactComplete,
  type ArtifactReply,
  type ArtifactRequest,
  type PartReply,
} from "../../protocol/artifacts.ts";
import type { ServerPorts } from "../ports.ts";
import type { ServerSettings } from "../settings.ts";
import {
  type ArtifactRow,
  findArtifact,
  insertArtifact,
  lockUpload,
  markComplete,
  partDigests,
  putPart,
  readPart,
} from "../store/artifacts.ts";
import type { Transaction } from "../store/db.ts";
import { admitBytes, type AttemptCaller, type ReportRefusal } from "./caller.ts";

const DEFAULT_TYPE = "application/octet-stream";

type Outcome<T> = { readonly ok: true; readonly reply: T } | ReportRefusal;

/** Says where the bytes of a file go. Announced again, an unfinished upload begins anew. */
export async function announceArtifact(
  ports: ServerPorts,
  settings: ServerSettings,
  caller: AttemptCaller,
  request: ArtifactRequest,
): Promise<Outcome<ArtifactReply>> {
  const admitted = await admitBytes(ports, settings, caller, request.fence);
  if (!admitted.ok) return admitted;
  const { path, size, fence } = request;
  const max = settings.runner.artifactMax;
  if (size > max) {
    const message = `${path} has ${size} bytes, and an artifact may have ${max}`;
    return { ok: false, code: "policy", message };
  }
  const { runId, id: attemptId } = admitted.attempt;
  const known = await findArtifact(ports.db, runId, path);
  if (known?.sha256 === request.sha256 && known.size === size) return { ok: true, reply: { mode: "exists" } };
  const id = ports.ids.uuid();
  await insertArtifact(ports.db, {
    id,
    runId,
    attemptId,
    path,
    size,
    sha256: request.sha256,
    contentType: request.contentType ?? DEFAULT_TYPE,
    state: "uploading",
    createdAt: new Date(ports.clock.now()),
  });
  const place = `/attempts/${attemptId}/artifacts/${id}`;
  if (size <= ARTIFACT_PART_BYTES) {
    return { ok: true, reply: { mode: "inline", url: `${place}?fence=${fence}` } };
  }
  const urls = Array.from({ length: partCount(size) }, (_, at) => `${place}/parts/${at + 1}?fence=${fence}`);
  return { ok: true, reply: { mode: "parts", uploadId: id, partSize: ARTIFACT_PART_BYTES, urls } };
}

/** The whole content at once. */
export async function storeWhole(
  ports: ServerPorts,
  settings: ServerSettings,
  caller: AttemptCaller,
  upload: { readonly id: string; readonly fence: number },
  bytes: Uint8Array<ArrayBuffer>,
): Promise<Outcome<PartReply>> {
  return await inUpload(ports, settings, caller, upload, async (tx, row) => {
    const etag = await sha256(bytes);
    if (bytes.length !== row.size || etag !== row.sha256) return mismatch(row);
    await putPart(tx, { artifactId: row.id, n: 1, sha256: etag, data: bytes });
    await markComplete(tx, row);
    return { ok: true, reply: { etag } };
  }, (row) => ({ etag: row.sha256 }));
}

export async function storePart(
  ports: ServerPorts,
  settings: ServerSettings,
  caller: AttemptCaller,
  upload: { readonly id: string; readonly fence: number; readonly n: number },
  bytes: Uint8Array<ArrayBuffer>,
): Promise<Outcome<PartReply>> {
  const etag = await sha256(bytes);
  const { n } = upload;
  return await inUpload(ports, settings, caller, upload, async (tx, row) => {
    if (n < 1 || n > partCount(row.size) || bytes.length !== partSize(row.size, n)) return mismatch(row);
    await putPart(tx, { artifactId: row.id, n, sha256: etag, data: bytes });
    return { ok: true, reply: { etag } };
  }, () => ({ etag }));
}

/** Every part is there and the whole has the digest that was announced. */
export async function completeArtifact(
  ports: ServerPorts,
  settings: ServerSettings,
  caller: AttemptCaller,
  uploadId: string,
  request: ArtifactComplete,
): Promise<Outcome<Record<string, never>>> {
  const upload = { id: uploadId, fence: request.fence };
  return await inUpload(ports, settings, caller, upload, async (tx, row) => {
    const stored = await partDigests(tx, row.id);
    const isSame = stored.length === request.parts.length &&
      stored.every((part, at) => request.parts[at]?.n === part.n && request.parts[at].etag === part.sha256);
    if (!isSame || stored.length !== partCount(row.size)) return mismatch(row);
    if (await digestOfParts(tx, row) !== row.sha256) return mismatch(row);
    await markComplete(tx, row);
    return { ok: true, reply: {} };
  }, () => ({}));
}

/** `again`: the answer when the upload is complete already, so that repeating is safe (RP-05). */
async function inUpload<T>(
  ports: ServerPorts,
  settings: ServerSettings,
  caller: AttemptCaller,
  upload: { readonly id: string; readonly fence: number },
  work: (tx: Transaction, row: ArtifactRow) => Promise<Outcome<T>>,
  again: (row: ArtifactRow) => T,
): Promise<Outcome<T>> {
  const admitted = await admitBytes(ports, settings, caller, upload.fence);
  if (!admitted.ok) return admitted;
  const { runId, id: attemptId } = admitted.attempt;
  const outcome = await ports.db.transaction(async (tx): Promise<Outcome<T>> => {
    const row = await lockUpload(tx, upload.id, attemptId);
    if (row === null) return { ok: false, code: "gone", message: `there is no upload ${upload.id}` };
    return row.state === "complete" ? { ok: true, reply: again(row) } : await work(tx, row);
  });
  if (outcome.ok) ports.wake.notify(`run:${runId}`);
  return outcome;
}

async function digestOfParts(tx: Transaction, row: ArtifactRow): Promise<string> {
  const hash = incremental.create();
  for (let n = 1; n <= partCount(row.size); n++) {
    hash.update(await readPart(tx, row.id, n) ?? new Uint8Array());
  }
  return hash.digest().toHex();
}

function mismatch(row: ArtifactRow): ReportRefusal {
  return {
    ok: false,
    code: "conflict",
    message: `the bytes of ${row.path} are not those that were announced`,
  };
}

function partCount(size: number): number {
  return Math.ceil(size / ARTIFACT_PART_BYTES);
}

function partSize(size: number, n: number): number {
  return Math.min(ARTIFACT_PART_BYTES, size - (n - 1) * ARTIFACT_PART_BYTES);
}
