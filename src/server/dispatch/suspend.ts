/** A workflow that is suspended starts nothing by itself; people and deliveries still start it (QU-16). */
import type { ServerPorts } from "../ports.ts";
import { queuedBySchedule } from "../store/overdue.ts";
import { suspendWorkflow } from "../store/workflows.ts";
import { dropQueued } from "./dequeue.ts";

/** What its schedule has queued and nobody has taken is dropped. Answers false: there is no such workflow. */
export async function setSuspended(
  ports: ServerPorts,
  fileName: string,
  isSuspended: boolean,
  by: string,
): Promise<boolean> {
  if (!await suspendWorkflow(ports.db, fileName, isSuspended, new Date(ports.clock.now()))) return false;
  const queued = isSuspended ? await queuedBySchedule(ports.db, fileName) : [];
  for (const runId of queued) {
    await dropQueued(ports, runId, {
      reason: "dequeued",
      failure: { code: "CANCELLED", message: `dropped: the workflow was suspended by ${by}`, remedy: "" },
    });
  }
  return true;
}
