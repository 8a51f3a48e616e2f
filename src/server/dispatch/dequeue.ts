/** Taking a run out of its queue before it was claimed (AP-59): it ends as aborted. */
import type { Failure } from "../../run/failure.ts";
import type { ServerPorts } from "../ports.ts";
import { dequeueRun, headOfQueue } from "../store/queue.ts";
import { finishRun, getRun, getRunById, lockRun, statusOf } from "../store/runs.ts";
import { resumeSoon } from "./awaited.ts";
import { type Refusal, refuse } from "./refusal.ts";

export type Dequeued =
  | { readonly ok: true; readonly name: string; readonly dagRunId: string }
  | Refusal;

/** The named run; `queue` is null when the caller does not care which queue it waits in. */
export async function dequeueNamed(
  ports: ServerPorts,
  run: { readonly name: string; readonly dagRunId: string },
  queue: string | null,
  by: string,
): Promise<Dequeued> {
  const title = `${run.name}:${run.dagRunId}`;
  const found = await getRun(ports.db, run.name, run.dagRunId);
  if (found === null) return refuse("not_found", `there is no run ${title}`);
  if (statusOf(found.status) === "queued" && queue !== null && found.queue !== queue) {
    return refuse("not_found", `run ${title} is in the queue "${found.queue}", not in "${queue}"`);
  }
  if (await dropQueued(ports, found.id, takenBy(by))) {
    return { ok: true, name: found.name, dagRunId: found.dagRunId };
  }
  const now = await getRunById(ports.db, found.id);
  return refuse("conflict", `run ${title} is ${statusOf((now ?? found).status)}, not queued`);
}

/** The run that would go next. */
export async function dequeueFirst(ports: ServerPorts, queue: string, by: string): Promise<Dequeued> {
  for (;;) {
    const id = await headOfQueue(ports.db, queue);
    const found = id === null ? null : await getRunById(ports.db, id);
    if (found === null) return refuse("not_found", `no run waits in the queue "${queue}"`);
    // A runner may have been faster: then another one is the first.
    if (await dropQueued(ports, found.id, takenBy(by))) {
      return { ok: true, name: found.name, dagRunId: found.dagRunId };
    }
  }
}

function takenBy(by: string): Drop {
  return {
    reason: "dequeued",
    failure: { code: "CANCELLED", message: `taken out of the queue by ${by}`, remedy: "" },
  };
}

export interface Drop {
  /** LO-09. */
  readonly reason: "dequeued" | "queue_ttl";
  readonly failure: Failure;
}

/** Answers whether it was still queued. */
export async function dropQueued(
  ports: ServerPorts,
  runId: string,
  { reason, failure }: Drop,
): Promise<boolean> {
  const parentId = await ports.db.transaction(async (tx) => {
    const held = await lockRun(tx, runId);
    if (held === null || !await dequeueRun(tx, runId)) return undefined;
    const finishedAt = new Date(ports.clock.now());
    await finishRun(tx, runId, { status: "aborted", reason, failure, finishedAt });
    return held.parentId;
  });
  if (parentId === undefined) return false;
  ports.wake.notify(`run:${runId}`);
  if (parentId !== null) resumeSoon(ports, parentId);
  return true;
}
