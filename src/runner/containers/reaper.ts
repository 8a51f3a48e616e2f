/** Containers that an earlier process of this runner left behind, found by their labels (DESIGN 3.10). */
import { listContainers, removeContainer, stopContainer } from "./api/container.ts";
import type { Reply } from "./api/error.ts";
import { listNetworks, removeNetwork } from "./api/network.ts";
import type { Engine } from "./engine.ts";
import { readMarks, runnerFilter } from "./labels.ts";

const STOP_GRACE_SEC = 5;

/** Removes what belongs to no live attempt; what was meant to stay is stopped only. Answers how many were dealt with. */
export async function reap(
  engine: Engine,
  runnerId: string,
  isLive: (attemptId: string) => boolean,
  signal: AbortSignal,
): Promise<Reply<number>> {
  const listed = await listContainers(engine.socket, runnerFilter(runnerId), signal);
  if (!listed.ok) return listed;
  let count = 0;
  for (const { Id, State, Labels } of listed.value) {
    const marks = readMarks(Labels ?? null);
    if (marks === null || isLive(marks.attempt)) continue;
    if (!marks.isKept) await removeContainer(engine.socket, Id, true, signal);
    else if (State !== "running") continue;
    else await stopContainer(engine.socket, Id, STOP_GRACE_SEC, signal);
    count++;
  }
  const networks = await listNetworks(engine.socket, runnerFilter(runnerId), signal);
  for (const { Name, Labels } of networks.ok ? networks.value : []) {
    const marks = readMarks(Labels ?? null);
    // One that something is still in is refused by the engine, and stays.
    if (marks !== null && !isLive(marks.attempt)) await removeNetwork(engine.socket, Name, signal);
  }
  return { ok: true, value: count };
}
