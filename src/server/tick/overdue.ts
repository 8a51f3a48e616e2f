/** Ends what waited or ran for longer than it may. */
import { stopOvertime } from "../dispatch/cancel.ts";
import { dropQueued } from "../dispatch/dequeue.ts";
import type { ServerPorts } from "../ports.ts";
import type { ServerSettings } from "../settings.ts";
import { queuedBefore, runsInOvertime } from "../store/overdue.ts";
import { oneByOne } from "./one-by-one.ts";

/** QU-19: nobody took it while it was worth taking. */
export async function sweepQueue(ports: ServerPorts, { queueTtlMs }: ServerSettings): Promise<void> {
  if (queueTtlMs === null) return;
  const before = new Date(ports.clock.now() - queueTtlMs);
  await oneByOne(ports, await queuedBefore(ports.db, before), async (runId) => {
    await dropQueued(ports, runId, {
      reason: "queue_ttl",
      failure: {
        code: "CANCELLED",
        message: `waited in the queue for longer than ${queueTtlMs / 1000} s`,
        remedy: "start the run again; add a runner or slots, or raise DAGU_QUEUE_TTL",
      },
    });
  }, factsOf);
}

/** TO-02, TO-03: the runner keeps the time; this is for one that does not. */
export async function sweepOvertime(ports: ServerPorts, settings: ServerSettings): Promise<void> {
  const now = new Date(ports.clock.now());
  const late = await runsInOvertime(ports.db, now, settings.overtime);
  await oneByOne(ports, late, (runId) => stopOvertime(ports, settings, runId), factsOf);
}

function factsOf(runId: string): { readonly run: string } {
  return { run: runId };
}
