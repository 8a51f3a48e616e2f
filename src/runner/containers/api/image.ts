/** `/images`. */
import * as v from "valibot";
import { newLineCutter } from "../../../run/lines.ts";
import { engineError, type Reply, StreamError } from "./error.ts";
import type { Socket } from "./socket.ts";

const Inspected = v.object({
  Id: v.string(),
  RepoDigests: v.nullish(v.array(v.string()), []),
  Os: v.optional(v.string(), ""),
  Architecture: v.optional(v.string(), ""),
  Variant: v.optional(v.string(), ""),
});
export type InspectedImage = v.InferOutput<typeof Inspected>;

const Listed = v.array(v.object({ Id: v.string() }));

const Progress = v.object({
  status: v.optional(v.string()),
  id: v.optional(v.string()),
  progressDetail: v.optional(v.object({ current: v.optional(v.number()), total: v.optional(v.number()) })),
  error: v.optional(v.string()),
  errorDetail: v.optional(v.object({ message: v.optional(v.string()) })),
});

export type PullLine = v.InferOutput<typeof Progress>;

/** By reference: a list filter does not know fully qualified names on Docker (6.1.2). */
export function inspectImage(
  socket: Socket,
  reference: string,
  signal: AbortSignal,
): Promise<Reply<InspectedImage>> {
  const path = `/images/${reference.split("/").map(encodeURIComponent).join("/")}/json`;
  return socket.request({ operation: "image inspect", method: "GET", path }, Inspected, signal);
}

export async function listImages(socket: Socket, signal: AbortSignal): Promise<Reply<string[]>> {
  const reply = await socket.request(
    { operation: "image list", method: "GET", path: "/images/json" },
    Listed,
    signal,
  );
  return reply.ok ? { ok: true, value: reply.value.map((image) => image.Id) } : reply;
}

/** Without force: an image that anything uses stays. */
export function removeImage(socket: Socket, reference: string, signal: AbortSignal): Promise<Reply<unknown>> {
  const path = `/images/${reference.split("/").map(encodeURIComponent).join("/")}`;
  return socket.request({ operation: "image remove", method: "DELETE", path }, v.unknown(), signal);
}

export interface Pull {
  /** Without tag and digest. */
  readonly name: string;
  /** Tag or digest; never empty, or some engines would take every tag (6.1.5). */
  readonly tag: string;
  readonly platform: string | null;
  /** Encoded credentials; null: anonymous. */
  readonly auth: string | null;
}

/** Answers when the stream of progress has ended: an error may be its last line, under status 200 (6.1.4). */
export async function pullImage(
  socket: Socket,
  pull: Pull,
  onLine: (line: PullLine) => void,
  signal: AbortSignal,
): Promise<Reply<null>> {
  const operation = "image pull";
  const query = { fromImage: pull.name, tag: pull.tag, platform: pull.platform };
  const headers = pull.auth === null ? {} : { "x-registry-auth": pull.auth };
  const reply = await socket.stream(
    { operation, method: "POST", path: "/images/create", query, headers },
    signal,
  );
  if (!reply.ok) return reply;
  try {
    const decoder = new TextDecoder();
    const cutter = newLineCutter();
    let count = 0;
    for await (const chunk of reply.value) {
      const lines = cutter.add(decoder.decode(chunk, { stream: true }));
      count += lines.length;
      for (const line of lines) readLine(line, operation, onLine);
    }
    const rest = cutter.end();
    readLine(rest, operation, onLine);
    if (count === 0 && rest.trim() === "") {
      throw new StreamError(engineError("broken", operation, "the engine ended the pull without a word"));
    }
    return { ok: true, value: null };
  } catch (thrown) {
    if (thrown instanceof StreamError) return { ok: false, error: thrown.error };
    throw thrown;
  }
}

function readLine(line: string, operation: string, onLine: (line: PullLine) => void): void {
  if (line.trim() === "") return;
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), Progress), line);
  if (!parsed.success) {
    throw new StreamError(engineError("broken", operation, `unreadable progress: ${line.slice(0, 80)}`));
  }
  const { error, errorDetail } = parsed.output;
  const message = errorDetail?.message ?? error;
  if (message === undefined) return onLine(parsed.output);
  throw new StreamError(engineError("answered", operation, message, { status: 200, cause: message }));
}
