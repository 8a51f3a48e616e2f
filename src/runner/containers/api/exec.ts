/** `/exec`. */
import * as v from "valibot";
import type { Reply } from "./error.ts";
import type { ByteStream, Socket } from "./socket.ts";

export interface ExecBody {
  readonly Cmd: readonly string[];
  readonly Env?: readonly string[];
  readonly User?: string;
  readonly WorkingDir?: string;
  readonly Privileged?: boolean;
  readonly Tty?: boolean;
}

const Created = v.object({ Id: v.string() });
const Inspected = v.object({ Running: v.boolean(), ExitCode: v.nullish(v.number(), null) });
export type InspectedExec = v.InferOutput<typeof Inspected>;

export async function createExec(
  socket: Socket,
  container: string,
  exec: ExecBody,
  signal: AbortSignal,
): Promise<Reply<string>> {
  const path = `/containers/${container}/exec`;
  const body = { AttachStdin: false, AttachStdout: true, AttachStderr: true, Tty: false, ...exec };
  const reply = await socket.request(
    { operation: "exec create", method: "POST", path, body },
    Created,
    signal,
  );
  return reply.ok ? { ok: true, value: reply.value.Id } : reply;
}

/** The outputs, as frames; of a terminal: as they are. */
export function startExec(
  socket: Socket,
  id: string,
  signal: AbortSignal,
  isTerminal = false,
): Promise<Reply<ByteStream>> {
  const body = { Detach: false, Tty: isTerminal };
  return socket.stream({ operation: "exec start", method: "POST", path: `/exec/${id}/start`, body }, signal);
}

/** Means something only after the output was read to its end (3.4.6). */
export function inspectExec(socket: Socket, id: string, signal: AbortSignal): Promise<Reply<InspectedExec>> {
  return socket.request(
    { operation: "exec inspect", method: "GET", path: `/exec/${id}/json` },
    Inspected,
    signal,
  );
}
