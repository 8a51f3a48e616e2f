/** What the control plane asks of its host. Given by `cli/host.ts` on Deno, by `edge.ts` elsewhere, by tests. */
import type { Clock, Ids, Log } from "../run/ports.ts";
import type { Base } from "../workflow/base.ts";
import type { Db } from "./store/db.ts";

/**
 * Latency only, never correctness (ED-02): every waiter also polls. `start-all` and a long-lived server share one in
 * memory (and LISTEN on Postgres); on the edge both calls may do nothing.
 */
export interface Wake {
  /** Milliseconds after which whoever waits looks without being told, at first and in the end (5.6). */
  readonly pollMs: readonly [first: number, last: number];
  /** Something changed: `ready` (a run may be claimed), `run:<run uuid>` (its events or logs), `runner:<runner uuid>` (a directive). */
  notify(topic: string): void;
  /** Resolves true when the topic is notified, false after `ms` or when the signal aborts. Never rejects. */
  wait(topics: readonly string[], ms: number, signal: AbortSignal): Promise<boolean>;
}

export const POLL_MS = [500, 3_000] as const;

/** Bytes that are too large for the database, by key. Every call may be repeated; each throws when the store does not do it. */
export interface ObjectStore {
  put(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** null: there is no such object. */
  get(key: string): Promise<Uint8Array<ArrayBuffer> | null>;
  /** Also when it is not there. */
  remove(key: string): Promise<void>;
}

/** What a forge is told of a commit. */
export interface CommitStatus {
  /** `owner/name`. */
  readonly repo: string;
  readonly sha: string;
  /** Which of the commit's statuses it is. */
  readonly context: string;
  readonly state: "pending" | "success" | "failure" | "error";
  readonly description: string;
  /** Page that says more. */
  readonly targetUrl: string;
}

export type Told =
  | { readonly kind: "told" }
  /** It may be tried again, not before `afterMs` from now if the forge said when. */
  | { readonly kind: "later"; readonly afterMs: number | null; readonly why: string }
  /** It would be refused again. */
  | { readonly kind: "refused"; readonly why: string };

/** The API of GitHub, with the token of whoever connected it. Never throws. */
export interface Forge {
  tell(token: string, status: CommitStatus): Promise<Told>;
  /** Whether it knows the token. */
  check(token: string): Promise<Told>;
}

export interface ServerPorts {
  readonly db: Db;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly wake: Wake;
  /** What every workflow of this service inherits (1.8); null: nothing. */
  readonly base: Base | null;
  readonly forge: Forge;
  /** Absent: the database keeps everything. */
  readonly objects?: ObjectStore;
  /** Cryptographically random bytes (tokens, secrets). */
  random(length: number): Uint8Array;
  /** Work that outlives the answer (`waitUntil` on the edge). */
  background(work: Promise<void>): void;
}
