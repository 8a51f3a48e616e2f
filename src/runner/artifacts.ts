/**
 * The run's artifact folder and the control plane's copy of it (M10): sent before the attempt's end is told, fetched when the
 * run goes on where the folder is not. Contents are not masked (MK-04).
 */
import type { Hash } from "node:crypto";
import { dirname, join } from "node:path";
import { isArtifactPath } from "../protocol/artifacts.ts";
import type { AttemptCredential, RunnerClient } from "../protocol/client.ts";
import type { CallFailure, CallResult } from "../protocol/exchange.ts";
import { resend, type ResendPorts } from "../protocol/resend.ts";
import { isTerminal, noteOf } from "../run/event.ts";
import type { Journal } from "../run/ports.ts";
import { artifactPlace } from "./actions/redirect.ts";
import type { Disk } from "./disk.ts";

interface Ports extends ResendPorts {
  readonly client: RunnerClient;
  readonly disk: Disk;
}

/** Whose artifacts they are, and until when they are worth sending. */
export interface ArtifactPlace {
  readonly folder: string;
  readonly attempt: AttemptCredential & { readonly fence: number };
  readonly signal: AbortSignal;
}

/** What is in the folder when the attempt ends is kept before the end is told, so that who reads of the end finds it. */
export function keepingJournal(ports: Ports, journal: Journal, place: ArtifactPlace): Journal {
  return {
    event: async (body) => {
      if (isTerminal(body)) {
        for (const problem of await sendArtifacts(ports, place)) {
          await journal.event({ type: "note", data: noteOf("warn", problem, undefined) });
        }
      }
      await journal.event(body);
    },
    log: (step, stream, bytes) => journal.log(step, stream, bytes),
  };
}

/** Answers what could not be kept, for people. */
async function sendArtifacts(ports: Ports, place: ArtifactPlace): Promise<string[]> {
  const problems: string[] = [];
  for (const path of await filesIn(place.folder)) {
    if (place.signal.aborted) break;
    const problem = isArtifactPath(path)
      ? await sendArtifact(ports, place, path)
      : "its path is longer than 1024 bytes or holds control characters";
    if (problem !== null) problems.push(`artifact ${path} was not kept: ${problem}`);
  }
  return problems;
}

/** null: it is kept, or nobody wants it any more. */
async function sendArtifact(ports: Ports, place: ArtifactPlace, path: string): Promise<string | null> {
  const { attempt, signal } = place;
  const file = join(place.folder, path);
  const tell = <T>(call: Parameters<typeof resend<T>>[2]): Promise<CallResult<T>> =>
    resend(ports, { signal }, call);
  try {
    const { size, sha256 } = await measure(file);
    const body = { fence: attempt.fence, path, size, sha256 };
    const announced = await tell((call) => ports.client.announceArtifact(attempt, body, call));
    if (!announced.ok) return reasonOf(announced.failure);
    const reply = announced.value;
    if (reply.mode === "exists") return null;
    const urls = reply.mode === "inline" ? [reply.url] : reply.urls;
    const partSize = reply.mode === "inline" ? size : reply.partSize;
    const parts: { n: number; etag: string }[] = [];
    const sent = await newHash();
    for (const [at, url] of urls.entries()) {
      const bytes = await ports.disk.readRange(file, at * partSize, Math.min(partSize, size - at * partSize));
      const put = await tell(async (call) =>
        unlessTooLarge(await ports.client.putArtifact(attempt, url, bytes, call), bytes.length)
      );
      if (!put.ok) return reasonOf(put.failure);
      parts.push({ n: at + 1, etag: put.value.etag });
      sent.update(bytes);
    }
    if (reply.mode === "inline") return null;
    if (sent.digest("hex") !== sha256) return "it changed while it was sent";
    const { uploadId } = reply;
    const end = { fence: attempt.fence, parts };
    const completed = await tell((call) => ports.client.completeArtifact(attempt, uploadId, end, call));
    return completed.ok ? null : reasonOf(completed.failure);
  } catch (error) {
    // It went, or changed, while it was read.
    return error instanceof Error ? error.message : String(error);
  }
}

/**
 * A proxy that takes no body of this size takes it at no later time either: asked again and again, the run would never end. What
 * else a proxy says of itself passes (RP-07).
 */
function unlessTooLarge<T>(result: CallResult<T>, sizeBytes: number): CallResult<T> {
  if (result.ok || result.failure.kind !== "no_answer" || result.failure.status !== 413) return result;
  const message =
    `something on the way to the control plane takes no body of ${sizeBytes} bytes: raise its limit`;
  const code = "too_large";
  return {
    ok: false,
    failure: { kind: "refused", code, message, retryable: false, retryAfterMs: null, details: {} },
  };
}

/**
 * Brings the files that earlier attempts kept and that are not here: the run may go on on another machine. Answers what could
 * not be brought.
 */
export async function fetchArtifacts(ports: Ports, place: ArtifactPlace): Promise<string[]> {
  const { attempt, signal, folder } = place;
  const listed = await resend(ports, { signal }, (call) => ports.client.listArtifacts(attempt, call));
  if (!listed.ok) return [`artifacts of earlier attempts are not here: ${reasonOf(listed.failure)}`];
  const problems: string[] = [];
  for (const artifact of listed.value.artifacts) {
    if (!isArtifactPath(artifact.path) || await exists(join(folder, artifact.path))) continue;
    // Containers of this run had the folder, and may have left a link in it that leads out of it.
    const path = await artifactPlace(artifact.path, folder);
    const problem = typeof path === "string"
      ? await fetchArtifact(ports, place, artifact, path)
      : path.message;
    if (problem !== null) problems.push(`artifact ${artifact.path} is not here: ${problem}`);
  }
  return problems;
}

async function fetchArtifact(
  ports: Ports,
  { attempt, signal }: ArtifactPlace,
  artifact: { readonly path: string; readonly size: number; readonly sha256: string },
  path: string,
): Promise<string | null> {
  const partial = `${path}.part`;
  const hash = await newHash();
  let size = 0;
  try {
    await Deno.mkdir(dirname(path), { recursive: true });
    // What stands there is not written to, since it may be a link as well.
    if (await exists(partial)) await Deno.remove(partial);
    using file = await Deno.open(partial, { write: true, createNew: true });
    for (let n = 1; n === 1 || size < artifact.size; n++) {
      const got = await resend(
        ports,
        { signal },
        (call) => ports.client.artifactPart(attempt, { path: artifact.path, n }, call),
      );
      if (!got.ok) return await discard(partial, reasonOf(got.failure) ?? "the run was stopped");
      hash.update(got.value);
      size += got.value.length;
      for (let at = 0; at < got.value.length;) at += await file.write(got.value.subarray(at));
    }
    if (hash.digest("hex") !== artifact.sha256) {
      return await discard(partial, "its bytes are not what was kept");
    }
    await Deno.rename(partial, path);
    return null;
  } catch (error) {
    // The disk does not take it: it is full, or has no room for such a name.
    return await discard(partial, error instanceof Error ? error.message : String(error));
  }
}

async function discard(path: string, why: string): Promise<string> {
  await Deno.remove(path).catch(() => {});
  return why;
}

/** null: the attempt is over, which is told elsewhere. */
function reasonOf(failure: CallFailure): string | null {
  if (failure.kind === "aborted") return null;
  return failure.kind === "refused" && failure.code === "fenced" ? null : failure.message;
}

/** Regular files below the folder, by relative path, sorted. Symbolic links may lead anywhere: they are left out. */
async function filesIn(folder: string, below = "", found: string[] = []): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(join(folder, below))).catch(() => []);
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = below === "" ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory) await filesIn(folder, path, found);
    else if (entry.isFile) found.push(path);
  }
  return found;
}

async function measure(path: string): Promise<{ readonly size: number; readonly sha256: string }> {
  const hash = await newHash();
  let size = 0;
  using file = await Deno.open(path);
  for await (const bytes of file.readable) {
    hash.update(bytes);
    size += bytes.length;
  }
  return { size, sha256: hash.digest("hex") };
}

async function exists(path: string): Promise<boolean> {
  return await Deno.lstat(path).then(() => true, () => false);
}

/** Loaded by who sends or fetches something: most runs do not, and are over in a few times what it takes. */
async function newHash(): Promise<Hash> {
  const { createHash } = await import("node:crypto");
  return createHash("sha256");
}
