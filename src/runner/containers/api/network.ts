/** `/networks`. */
import * as v from "valibot";
import type { Reply } from "./error.ts";
import { Nothing, type Socket } from "./socket.ts";

export interface NetworkBody {
  readonly Name: string;
  readonly Driver: "bridge";
  /** No way out of it. */
  readonly Internal: boolean;
  readonly Labels: Readonly<Record<string, string>>;
}

const Listed = v.array(v.object({
  Name: v.string(),
  Internal: v.optional(v.boolean(), false),
  Labels: v.nullish(v.record(v.string(), v.string()), null),
}));
export type ListedNetwork = v.InferOutput<typeof Listed>[number];

export function createNetwork(
  socket: Socket,
  body: NetworkBody,
  signal: AbortSignal,
): Promise<Reply<unknown>> {
  const call = { operation: "network create", method: "POST", path: "/networks/create", body } as const;
  return socket.request(call, Nothing, signal);
}

export function removeNetwork(socket: Socket, name: string, signal: AbortSignal): Promise<Reply<unknown>> {
  const path = `/networks/${encodeURIComponent(name)}`;
  return socket.request({ operation: "network remove", method: "DELETE", path }, Nothing, signal);
}

export function listNetworks(
  socket: Socket,
  labels: readonly string[],
  signal: AbortSignal,
): Promise<Reply<ListedNetwork[]>> {
  const query = { filters: JSON.stringify({ label: labels }) };
  return socket.request(
    { operation: "network list", method: "GET", path: "/networks", query },
    Listed,
    signal,
  );
}
