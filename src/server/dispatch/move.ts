/** Giving a run that waits another priority (AP-94). */
import type { ServerPorts } from "../ports.ts";
import { findQueued, moveQueued } from "../store/queue.ts";
import { lockRun } from "../store/runs.ts";
import { type Refusal, refuse } from "./refusal.ts";

export interface Move {
  readonly queue: string;
  readonly dagRunId: string;
  /** null: whichever workflow has a run of that id there. */
  readonly name: string | null;
  readonly priority: number;
}

export async function moveRun(
  ports: ServerPorts,
  { queue, dagRunId, name, priority }: Move,
): Promise<{ readonly ok: true } | Refusal> {
  const [id, other] = await findQueued(ports.db, queue, dagRunId, name);
  const title = name === null ? dagRunId : `${name}:${dagRunId}`;
  const gone = refuse("not_found", `run ${title} does not wait in the queue "${queue}"`);
  if (id === undefined) return gone;
  if (other !== undefined) {
    return refuse("bad_request", `several runs ${dagRunId} wait there; name the workflow`);
  }
  const isMoved = await ports.db.transaction(async (tx) =>
    await lockRun(tx, id) !== null && await moveQueued(tx, id, queue, priority)
  );
  if (!isMoved) return gone;
  ports.wake.notify(`run:${id}`);
  return { ok: true };
}
