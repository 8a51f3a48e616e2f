/** Taking a run out of its queue before it was claimed (AP-59): it ends as aborted. */
import type { ServerPorts } from "../ports.ts";
import { dequeueRun, headOfQueue } from "../store/queue.ts";
import { finishRun, getRun, getRunById, lockRun, type RunRow, statusOf } from "../store/runs.ts";
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
  if (await take(ports, found, by)) return { ok: true, name: found.name, dagRunId: found.dagRunId };
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
    if (await take(ports, found, by)) return { ok: true, name: found.name, dagRunId: found.dagRunId };
  }
}

/** Answers whether it was still queued. */
async function take(ports: ServerPorts, run: RunRow, by: string): Promise<boolean> {
  const failure = { code: "CANCELLED" as const, message: `taken out of the queue by ${by}`, remedy: "" };
  const isTaken = await ports.db.transaction(async (tx) => {
    const held = await lockRun(tx, run.id);
    if (held === null || !await dequeueRun(tx, run.id)) return false;
    await finishRun(tx, run.id, {
      status: "aborted",
      reason: "dequeued",
      failure,
      finishedAt: new Date(ports.clock.now()),
    });
    return true;
  });
  if (isTaken) ports.wake.notify(`run:${run.id}`);
  return isTaken;
}
