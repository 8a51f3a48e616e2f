/** Goes on with runs whose sub-runs are over, and of which nobody was told. */
import { resumeAwaiting } from "../dispatch/awaited.ts";
import type { ServerPorts } from "../ports.ts";
import { awaitingChildren } from "../store/runs.ts";
import { oneByOne } from "./one-by-one.ts";

export async function sweepAwaiting(ports: ServerPorts): Promise<void> {
  const waiting = await awaitingChildren(ports.db);
  await oneByOne(ports, waiting, (runId) => resumeAwaiting(ports, runId), (runId) => ({ run: runId }));
}
