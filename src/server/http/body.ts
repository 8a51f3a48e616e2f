/** Request bodies under a cap, checked while they arrive and while they inflate (RP-04). */
import { concat } from "../../run/bytes.ts";

export type Body =
  | { readonly ok: true; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly ok: false; readonly reason: "too_large" | "unreadable" };

/** The raw bytes; at most `maxBytes`. */
export async function readBody(request: Request, maxBytes: number): Promise<Body> {
  const announced = Number(request.headers.get("Content-Length") ?? 0);
  if (announced > maxBytes) {
    await request.body?.cancel();
    return { ok: false, reason: "too_large" };
  }
  return request.body === null ? { ok: true, bytes: new Uint8Array() } : await drain(request.body, maxBytes);
}

/** The same for a body that may be gzipped: the cap holds for what it inflates to. */
export async function readInflatedBody(request: Request, maxBytes: number): Promise<Body> {
  if (request.headers.get("Content-Encoding") !== "gzip" || request.body === null) {
    return await readBody(request, maxBytes);
  }
  return await drain(request.body.pipeThrough(new DecompressionStream("gzip")), maxBytes);
}

async function drain(stream: ReadableStream<Uint8Array>, maxBytes: number): Promise<Body> {
  const parts: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const part of stream) {
      size += part.length;
      if (size > maxBytes) return { ok: false, reason: "too_large" };
      parts.push(part);
    }
  } catch {
    return { ok: false, reason: "unreadable" };
  }
  return { ok: true, bytes: concat(parts) };
}
