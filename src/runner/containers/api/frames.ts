/**
 * The multiplexed stream of attach, logs and exec: frames of an 8-byte header (stream, three zeros, big-endian length) and
 * a payload, cut anywhere by the transport. Bytes go on as they come; nothing but a header is ever held (engine notes 1).
 */
import type { StreamName } from "../../../run/ports.ts";
import { engineError, StreamError } from "./error.ts";

export interface Piece {
  readonly stream: StreamName;
  readonly bytes: Uint8Array;
}

const HEADER = 8;
const STREAMS: readonly (StreamName | undefined)[] = ["stdout", "stdout", "stderr"];

/** Throws `StreamError` on a header that is none (`foreign`) and on an end inside a frame (`broken`). */
export async function* splitFrames(
  source: AsyncIterable<Uint8Array>,
  operation: string,
): AsyncGenerator<Piece> {
  const header = new Uint8Array(HEADER);
  let held = 0;
  let rest = 0;
  let stream: StreamName = "stdout";
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length;) {
      if (rest > 0) {
        const bytes = chunk.subarray(at, at + rest);
        at += bytes.length;
        rest -= bytes.length;
        yield { stream, bytes };
        continue;
      }
      const part = chunk.subarray(at, at + HEADER - held);
      header.set(part, held);
      held += part.length;
      at += part.length;
      if (held < HEADER) continue;
      held = 0;
      stream = readStream(header, operation);
      rest = new DataView(header.buffer).getUint32(4);
    }
  }
  if (held > 0 || rest > 0) {
    throw new StreamError(engineError("broken", operation, "the stream ended inside a frame"));
  }
}

/** A terminal's bytes come as they are, both streams in one (5.3.3). */
export async function* rawPieces(source: AsyncIterable<Uint8Array>): AsyncGenerator<Piece> {
  for await (const bytes of source) yield { stream: "stdout", bytes };
}

function readStream(header: Uint8Array, operation: string): StreamName {
  const stream = STREAMS[header[0] ?? 0xff];
  if (stream !== undefined && header[1] === 0 && header[2] === 0 && header[3] === 0) return stream;
  const message = `malformed frame header ${header.toHex()}`;
  throw new StreamError(engineError("foreign", operation, message));
}
