/** Artifacts of a run as its runner sends them (M10): nothing is listed before it is whole and its digest is right (INV-24). */
import { sha256 } from "../../workflow/digest.ts";
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
  findUpload,
  insertArtifact,
  lockUpload,
  markComplete,
  partDigest,
  partDigests,
  putPart,
} from "../store/artifacts.ts";
import { digestOfObjects, digestOfParts, storeFor } from "./artifact-parts.ts";
import { keepObject, noteObject, objectKey } from "../store/objects.ts";
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
    store: storeFor(ports, size),
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
  const etag = await sha256(bytes);
  const part = { n: 1, etag, bytes };
  await putObject(ports, caller, upload.id, part);
  return await inUpload(ports, settings, caller, upload, async (tx, row) => {
    if (bytes.length !== row.size || etag !== row.sha256) return mismatch(row);
    await keepPart(tx, ports, row, part);
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
  const part = { n, etag, bytes };
  await putObject(ports, caller, upload.id, part);
  return await inUpload(ports, settings, caller, upload, async (tx, row) => {
    if (n < 1 || n > partCount(row.size) || bytes.length !== partSize(row.size, n)) return mismatch(row);
    await keepPart(tx, ports, row, part);
    return { ok: true, reply: { etag } };
  }, () => ({ etag }));
}

interface Part {
  readonly n: number;
  readonly etag: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** How long what was written to the object store may take to be noted as a part. */
const PUT_LIFE_MS = 3_600_000;

/** Outside of any transaction, since the network is between. An upload that is not there is refused afterwards. */
async function putObject(
  ports: ServerPorts,
  { attemptId }: AttemptCaller,
  uploadId: string,
  { n, etag, bytes }: Part,
): Promise<void> {
  const row = await findUpload(ports.db, uploadId, attemptId);
  if (row?.store !== "objects" || row.state === "complete" || n > partCount(row.size)) return;
  const object = { artifactId: row.id, n, sha256: etag };
  await noteObject(ports.db, object, new Date(ports.clock.now() + PUT_LIFE_MS));
  await ports.objects?.put(objectKey(object), bytes);
}

async function keepPart(
  tx: Transaction,
  ports: ServerPorts,
  row: ArtifactRow,
  { n, etag, bytes }: Part,
): Promise<void> {
  const data = row.store === "objects" ? new Uint8Array() : bytes;
  const object = { artifactId: row.id, n, sha256: etag };
  const before = row.store === "objects" ? await partDigest(tx, row.id, n) : null;
  await putPart(tx, { ...object, data });
  if (row.store === "objects") await keepObject(tx, object);
  if (before !== null && before !== etag) {
    await noteObject(tx, { ...object, sha256: before }, new Date(ports.clock.now()));
  }
}

/**
 * So much is read back from the object store to see that the whole is what was announced. Of more each part was checked when it
 * came, and the runner has seen that the parts make up the whole.
 */
const CHECK_MAX_BYTES = 67_108_864;

/** Every part is there and the whole has the digest that was announced. */
export async function completeArtifact(
  ports: ServerPorts,
  settings: ServerSettings,
  caller: AttemptCaller,
  uploadId: string,
  request: ArtifactComplete,
): Promise<Outcome<Record<string, never>>> {
  const upload = { id: uploadId, fence: request.fence };
  const whole = await digestOfUpload(ports, caller, uploadId);
  return await inUpload(ports, settings, caller, upload, async (tx, row) => {
    const stored = await partDigests(tx, row.id);
    const isSame = stored.length === request.parts.length &&
      stored.every((part, at) => request.parts[at]?.n === part.n && request.parts[at].etag === part.sha256);
    if (!isSame || stored.length !== partCount(row.size)) return mismatch(row);
    const digest = row.store === "objects" ? whole : await digestOfParts(tx, row);
    if (digest !== row.sha256) return mismatch(row);
    await markComplete(tx, row);
    return { ok: true, reply: {} };
  }, () => ({}));
}

/** Of what is in the object store, before anything is held. Parts that change meanwhile have other etags than are told. */
async function digestOfUpload(
  ports: ServerPorts,
  { attemptId }: AttemptCaller,
  uploadId: string,
): Promise<string | null> {
  const row = await findUpload(ports.db, uploadId, attemptId);
  if (row?.store !== "objects" || row.state === "complete") return null;
  if (row.size > CHECK_MAX_BYTES) return row.sha256;
  return await digestOfObjects(ports, row, await partDigests(ports.db, row.id));
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
