/** `/events`. */
import type { Reply } from "./error.ts";
import type { ByteStream, Socket } from "./socket.ts";

/** What the engine remembers until then, one JSON object a line. `untilSec`: by its own clock, and not to come. */
export function readEvents(
  socket: Socket,
  untilSec: number,
  signal: AbortSignal,
): Promise<Reply<ByteStream>> {
  const query = { since: 0, until: untilSec };
  return socket.stream({ operation: "events", method: "GET", path: "/events", query }, signal);
}
