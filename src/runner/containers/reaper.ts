/** Containers that an earlier process of this runner left behind, found by their labels (DESIGN 3.10). */
import { listContainers, type Listed, removeContainer, stopContainer } from "./api/container.ts";
import type { Reply } from "./api/error.ts";
import { listNetworks, removeNetwork } from "./api/network.ts";
import type { Engine } from "./engine.ts";
import { attemptFilter, type Labels, type Marks, readMarks, runnerFilter } from "./labels.ts";

const STOP_GRACE_SEC = 5;

/** Removes what belongs to no live attempt; what was meant to stay is stopped only. Answers how many were dealt with. */
export async function reap(
  engine: Engine,
  runnerId: string,
  isLive: (attemptId: string) => boolean,
  signal: AbortSignal,
): Promise<Reply<number>> {
  const swept = await sweep(engine, runnerFilter(runnerId), (marks) => !isLive(marks.attempt), signal);
  if (!swept.ok) return swept;
  const networks = await listNetworks(engine.socket, runnerFilter(runnerId), signal);
  for (const { Name, Labels } of networks.ok ? networks.value : []) {
    const marks = readMarks(Labels ?? null);
    // One that something is still in is refused by the engine, and stays.
    if (marks !== null && !isLive(marks.attempt)) await removeNetwork(engine.socket, Name, signal);
  }
  return swept;
}

/** The same for one attempt that still lives: what its new process cannot go on with. */
export function reapAttempt(
  engine: Engine,
  labels: Pick<Labels, "runner" | "attempt">,
  isWanted: (marks: Marks) => boolean,
  signal: AbortSignal,
): Promise<Reply<number>> {
  return sweep(engine, attemptFilter(labels), (marks) => !isWanted(marks), signal);
}

async function sweep(
  engine: Engine,
  filter: readonly string[],
  isOrphan: (marks: Marks) => boolean,
  signal: AbortSignal,
): Promise<Reply<number>> {
  const listed = await listContainers(engine.socket, filter, signal);
  if (!listed.ok) return listed;
  let count = 0;
  for (const container of listed.value) {
    const marks = readMarks(container.Labels ?? null);
    if (marks === null || !isOrphan(marks)) continue;
    if (await end(engine, container, marks, signal)) count++;
  }
  return { ok: true, value: count };
}

async function end(
  engine: Engine,
  { Id, State }: Listed,
  marks: Marks,
  signal: AbortSignal,
): Promise<boolean> {
  if (!marks.isKept) await removeContainer(engine.socket, Id, true, signal);
  else if (State !== "running") return false;
  else await stopContainer(engine.socket, Id, STOP_GRACE_SEC, signal);
  return true;
}
