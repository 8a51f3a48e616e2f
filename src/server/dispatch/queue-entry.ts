/** A run that goes back to the queue: what its row says, for whoever changes the rest. */
import type { QueueEntry } from "../store/queue.ts";
import type { RunRow } from "../store/runs.ts";
import { readSelector } from "./selector.ts";

export function queueEntryOf(run: RunRow): QueueEntry {
  const { id, queue, needsSlot, trust, needsCpu, needsMemory, priority } = run;
  return { id, queue, needsSlot, selector: readSelector(run), trust, needsCpu, needsMemory, priority };
}
