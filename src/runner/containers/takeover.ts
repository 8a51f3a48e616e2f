/** Containers of a run whose runner was started anew: found by their labels, and gone on with (B03). */
import { inspectContainer, type Inspected, listContainers } from "./api/container.ts";
import { isLost, isMissing, type Reply } from "./api/error.ts";
import type { Engine } from "./engine.ts";
import { attemptFilter, type Labels, readMarks, type Role } from "./labels.ts";
import { removeQuietly } from "./release.ts";
import { pause } from "./waiting.ts";
import type { Outcome, Reporter } from "../../run/ports.ts";

/** How one try of a step is lived through by more than one process of the runner. */
export interface Turn {
  /** A process that is no more began it; `hasContainer`: and told of its container. null: it begins here. */
  readonly interrupted: { readonly hasContainer: boolean } | null;
  /** Called before the container is taken away: from then on the end is known without it. */
  readonly settled: (outcome: Outcome) => Promise<void>;
}

export const FIRST_TURN: Turn = { interrupted: null, settled: () => Promise.resolve() };

const RETRY_MS = 500;

/** `begun`: it was started. `unbegun`: one was made, never started and taken away: nothing of it can be missed. */
export type Left =
  | { readonly kind: "begun"; readonly container: Inspected }
  | { readonly kind: "unbegun" }
  | { readonly kind: "none" };

/**
 * What is there of the container that was made for it. An engine that does not answer is waited for, as in the middle of a run (F62).
 */
export async function findLeft(
  engine: Engine,
  labels: Labels,
  role: Role,
  report: Reporter,
  signal: AbortSignal,
): Promise<Reply<Left>> {
  const until = performance.now() + engine.limits.reconnectMs;
  while (true) {
    const found = await lookFor(engine, labels, role, report, signal);
    if (found.ok || !isLost(found.error) || performance.now() >= until || signal.aborted) return found;
    await pause(RETRY_MS, signal);
  }
}

async function lookFor(
  engine: Engine,
  labels: Labels,
  role: Role,
  report: Reporter,
  signal: AbortSignal,
): Promise<Reply<Left>> {
  const listed = await listContainers(engine.socket, attemptFilter(labels, labels.step), signal);
  if (!listed.ok) return listed;
  let kind: "unbegun" | "none" = "none";
  for (const { Id, Labels } of listed.value) {
    if (readMarks(Labels ?? null)?.role !== role) continue;
    const reply = await inspectContainer(engine.socket, Id, signal);
    if (!reply.ok && isMissing(reply.error)) continue;
    if (!reply.ok) return reply;
    if (!NEVER_STARTED.has(reply.value.State.Status)) {
      return { ok: true, value: { kind: "begun", container: reply.value } };
    }
    await removeQuietly(engine, Id, report);
    kind = "unbegun";
  }
  return { ok: true, value: { kind } };
}

/** As Docker and Podman call it. */
const NEVER_STARTED: ReadonlySet<string> = new Set(["created", "configured", "initialized"]);
