/**
 * From where a request comes: the address at the other end of the socket, as the host tells it, or what a proxy says that the
 * operator trusts. What anybody else writes in `X-Forwarded-For` is a guess of theirs (AU-04).
 */
import type { Context } from "hono";
import { isIn, isShared, type Network, plainAddress } from "../access/network.ts";

/** What the host tells with a request; nothing when it does not know. */
export interface Connection {
  readonly remoteAddress?: string | null;
}

export interface Sender {
  /** null: unknown. */
  readonly address: string | null;
  /**
   * By which it is counted who asks too often. null: by nothing, since everybody may come from there: behind a proxy that
   * nobody named to us, or one of a private network.
   */
  readonly counted: string | null;
}

export function senderOf({ env, req }: Pick<Context, "env" | "req">, trusted: readonly Network[]): Sender {
  const host: Connection | undefined = env;
  const remote = plainAddress(host?.remoteAddress ?? "");
  if (remote === null) return { address: null, counted: null };
  const forwarded = req.header("X-Forwarded-For");
  const isTrusted = (address: string): boolean => isIn(address, trusted);
  if (forwarded === undefined) return { address: remote, counted: isShared(remote) ? null : remote };
  if (!isTrusted(remote)) return { address: remote, counted: null };
  // Each proxy writes its caller at the end: from there on back, as far as those are ours.
  const hops = forwarded.split(",").map((hop) => plainAddress(hop.trim())).reverse();
  const address = hops.find((hop) => hop === null || !isTrusted(hop)) ?? null;
  return { address: address ?? remote, counted: address === null || isShared(address) ? null : address };
}
