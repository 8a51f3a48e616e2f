/** A workflow that is suspended starts and retries nothing by itself; people and deliveries still start it (QU-16, RT-05). */
import type { ServerPorts } from "../ports.ts";
import { queuedByItself } from "../store/overdue.ts";
import { suspendWorkflow } from "../store/workflows.ts";
import { dropQueued } from "./dequeue.ts";

/** What has been queued by itself and nobody has taken is dropped. Answers false: there is no such workflow. */
export async function setSuspended(
  ports: ServerPorts,
  fileName: string,
  isSuspended: boolean,
  by: string,
): Promise<boolean> {
  const now = new Date(ports.clock.now());
  if (!await suspendWorkflow(ports.db, fileName, isSuspended, now)) return false;
  const queued = isSuspended ? await queuedByItself(ports.db, fileName, now) : [];
  for (const runId of queued) {
    await dropQueued(ports, runId, {
      reason: "dequeued",
      failure: { code: "CANCELLED", message: `dropped: the workflow was suspended by ${by}`, remedy: "" },
    });
  }
  return true;
}
