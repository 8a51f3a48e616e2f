/** `/containers`. Schemas hold what is read, nothing else. */
import * as v from "valibot";
import type { Reply } from "./error.ts";
import { type ByteStream, Nothing, type Socket } from "./socket.ts";

const Created = v.object({ Id: v.string(), Warnings: v.nullish(v.array(v.string()), []) });
export type Created = v.InferOutput<typeof Created>;

const Health = v.object({
  Test: v.nullish(v.array(v.string()), []),
  Interval: v.nullish(v.number(), 0),
  Timeout: v.nullish(v.number(), 0),
  StartPeriod: v.nullish(v.number(), 0),
  Retries: v.nullish(v.number(), 0),
});

const State = v.object({
  Status: v.string(),
  Running: v.boolean(),
  Paused: v.optional(v.boolean(), false),
  ExitCode: v.number(),
  OOMKilled: v.optional(v.boolean(), false),
  FinishedAt: v.optional(v.string(), ""),
  Health: v.nullish(v.object({
    Status: v.optional(v.string(), ""),
    Log: v.nullish(v.array(v.object({ Output: v.optional(v.string(), "") })), []),
  })),
});
export type ContainerState = v.InferOutput<typeof State>;

const Inspected = v.object({
  Id: v.string(),
  Name: v.string(),
  Image: v.string(),
  /** By the engine itself, as its restart policy says. */
  RestartCount: v.optional(v.number(), 0),
  State,
  Config: v.object({
    Image: v.optional(v.string(), ""),
    Tty: v.optional(v.boolean(), false),
    Labels: v.nullish(v.record(v.string(), v.string()), null),
    Healthcheck: v.nullish(Health, null),
  }),
  HostConfig: v.object({
    Memory: v.optional(v.number(), 0),
    NanoCpus: v.optional(v.number(), 0),
    CpuQuota: v.optional(v.number(), 0),
  }),
});
export type Inspected = v.InferOutput<typeof Inspected>;

const Listed = v.array(v.object({
  Id: v.string(),
  State: v.optional(v.string(), ""),
  Labels: v.nullish(v.record(v.string(), v.string()), null),
}));
export type Listed = v.InferOutput<typeof Listed>[number];

const Waited = v.object({
  StatusCode: v.number(),
  Error: v.nullish(v.object({ Message: v.optional(v.string(), "") }), null),
});

export function createContainer(
  socket: Socket,
  name: string,
  body: unknown,
  platform: string | null,
  signal: AbortSignal,
): Promise<Reply<Created>> {
  const query = { name, platform };
  const call = {
    operation: "container create",
    method: "POST",
    path: "/containers/create",
    query,
    body,
  } as const;
  return socket.request(call, Created, signal);
}

/** Both outputs from the first byte on, when asked for before the start. Headers come at once, bytes after the start. */
export function attachContainer(socket: Socket, id: string, signal: AbortSignal): Promise<Reply<ByteStream>> {
  const query = { stream: 1, stdout: 1, stderr: 1 };
  const path = `/containers/${id}/attach`;
  return socket.stream({ operation: "container attach", method: "POST", path, query }, signal);
}

export function startContainer(socket: Socket, id: string, signal: AbortSignal): Promise<Reply<unknown>> {
  const path = `/containers/${id}/start`;
  return socket.request(
    { operation: "container start", method: "POST", path, answerMs: null },
    Nothing,
    signal,
  );
}

/** By id or name. */
export function inspectContainer(
  socket: Socket,
  target: string,
  signal: AbortSignal,
): Promise<Reply<Inspected>> {
  return inspect(socket, target, "container inspect", signal);
}

/** The container that has a name which another is to get. */
export function inspectHolder(socket: Socket, name: string, signal: AbortSignal): Promise<Reply<Inspected>> {
  return inspect(socket, name, "container name check", signal);
}

function inspect(
  socket: Socket,
  target: string,
  operation: string,
  signal: AbortSignal,
): Promise<Reply<Inspected>> {
  const path = `/containers/${encodeURIComponent(target)}/json`;
  return socket.request({ operation, method: "GET", path }, Inspected, signal);
}

/** Until it does not run. Podman asks itself every 250 ms: prefer the end of the output (engine notes 2). */
export async function waitContainer(
  socket: Socket,
  id: string,
  signal: AbortSignal,
): Promise<Reply<string | null>> {
  const path = `/containers/${id}/wait`;
  const call = { operation: "container wait", method: "POST", path, answerMs: null } as const;
  const reply = await socket.request(call, Waited, signal);
  return reply.ok ? { ok: true, value: reply.value.Error?.Message ?? null } : reply;
}

export function killContainer(
  socket: Socket,
  id: string,
  killSignal: string,
  signal: AbortSignal,
): Promise<Reply<unknown>> {
  const path = `/containers/${id}/kill`;
  const query = { signal: killSignal };
  return socket.request({ operation: "container kill", method: "POST", path, query }, Nothing, signal);
}

/** The container's own stop signal, then SIGKILL after whole seconds. */
export function stopContainer(
  socket: Socket,
  id: string,
  graceSec: number,
  signal: AbortSignal,
): Promise<Reply<unknown>> {
  const path = `/containers/${id}/stop`;
  const call = {
    operation: "container stop",
    method: "POST",
    path,
    query: { t: graceSec },
    answerMs: null,
  } as const;
  return socket.request(call, Nothing, signal);
}

/** With its anonymous volumes (3.8.3). Without `isForced` a running one is refused. */
export function removeContainer(
  socket: Socket,
  id: string,
  isForced: boolean,
  signal: AbortSignal,
): Promise<Reply<unknown>> {
  const path = `/containers/${encodeURIComponent(id)}`;
  const query = { force: isForced ? 1 : 0, v: 1 };
  return socket.request({ operation: "container remove", method: "DELETE", path, query }, Nothing, signal);
}

/** All that the engine kept, from the first byte. */
export function followLogs(
  socket: Socket,
  id: string,
  isFollowed: boolean,
  signal: AbortSignal,
): Promise<Reply<ByteStream>> {
  const path = `/containers/${id}/logs`;
  const query = { stdout: 1, stderr: 1, follow: isFollowed ? 1 : 0 };
  return socket.stream({ operation: "container logs", method: "GET", path, query }, signal);
}

export function listContainers(
  socket: Socket,
  labels: readonly string[],
  signal: AbortSignal,
): Promise<Reply<Listed[]>> {
  const query = { all: 1, filters: JSON.stringify({ label: labels }) };
  const path = "/containers/json";
  return socket.request({ operation: "container list", method: "GET", path, query }, Listed, signal);
}

/** Whether the path is there, seen from inside the container. */
export function statInContainer(
  socket: Socket,
  id: string,
  path: string,
  signal: AbortSignal,
): Promise<Reply<unknown>> {
  const call = { operation: "container stat", method: "HEAD", path: `/containers/${id}/archive` } as const;
  return socket.head({ ...call, query: { path } }, signal);
}

/** Unpacks a tar archive below a folder of the container. */
export function putArchive(
  socket: Socket,
  id: string,
  folder: string,
  archive: Uint8Array,
  signal: AbortSignal,
): Promise<Reply<unknown>> {
  const path = `/containers/${id}/archive`;
  const call = { operation: "container put", method: "PUT", path, query: { path: folder }, archive } as const;
  return socket.request(call, Nothing, signal);
}
