/** Server-sent events: one frame at a time, at the reader's pace, with a heartbeat that keeps proxies from cutting. */
import type { ServerPorts } from "../ports.ts";
import { describeError } from "../store/failure.ts";

export interface SseWriter {
  /** `data` holds no line break. */
  send(event: string, data: string, id?: string): Promise<void>;
}

const HEARTBEAT_MS = 10_000;

/** `produce` runs until it returns or the reader is gone; its error ends the stream and is logged. */
export function sse(
  request: AbortSignal,
  ports: Pick<ServerPorts, "clock" | "log">,
  produce: (writer: SseWriter, signal: AbortSignal) => Promise<void>,
): Response {
  const gone = new AbortController();
  // Whoever left before this is told of by no event.
  if (request.aborted) gone.abort();
  else request.addEventListener("abort", () => gone.abort(), { once: true });
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const output = writable.getWriter();
  // Whoever reads in the same process leaves by cancelling, and no request tells of it.
  void output.closed.catch(() => gone.abort());
  const utf8 = new TextEncoder();
  const write = async (frame: string): Promise<void> => {
    if (gone.signal.aborted) return;
    try {
      await output.write(utf8.encode(frame));
    } catch {
      gone.abort();
    }
  };
  const writer: SseWriter = {
    send: (event, data, id) =>
      write(`event: ${event}\n${id === undefined ? "" : `id: ${id}\n`}data: ${data}\n\n`),
  };
  const beat = async (): Promise<void> => {
    while (!gone.signal.aborted) {
      await ports.clock.sleep(HEARTBEAT_MS, gone.signal);
      await write(": heartbeat\n\n");
    }
  };
  const run = async (): Promise<void> => {
    try {
      await produce(writer, gone.signal);
    } catch (error) {
      ports.log.error("event stream broke", { error: describeError(error) });
    }
    gone.abort();
    await output.close().catch(() => {});
  };
  void beat();
  void run();
  return new Response(readable, {
    headers: {
      "Content-Type": "text/event-stream",
      "Cache-Control": "no-cache",
      "X-Accel-Buffering": "no",
    },
  });
}
