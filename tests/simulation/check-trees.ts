/** Runs that were started by others, by schedules and by deliveries: each once, and stopped with whoever waits for them. */
import type { Checks } from "./checker.ts";
import type { Seen, SeenRun } from "./observed.ts";
import type { Truth } from "./truth.ts";
import { ensure, isFinal, labelOf, statusOf } from "./violation.ts";

/** How long a stop may wait for its runner, beside the lease (CN-04), and two sweeps. */
const CONFIRM_MS = 340_000;

export function newTreeChecks(truth: Truth): Checks {
  /** Which run there is of each cause. */
  const causes = new Map<string, string>();
  /** By run that its parent should have taken along: since when (INV-17). */
  let orphans = new Map<string, number>();

  const checkOnce = (run: SeenRun, cause: string): void => {
    const known = causes.get(cause) ?? run.id;
    ensure("INV-15", known === run.id, `${labelOf(run)} is the second run of ${cause}`);
    causes.set(cause, run.id);
  };

  return {
    check: (seen) => {
      for (const run of seen.changedRuns) {
        checkOnce(run, `the id ${run.name}:${run.dag_run_id}`);
        if (run.parent_id !== null) checkOnce(run, `the child ${run.child_key} of ${run.parent_id}`);
        if (run.delivery_id !== null) checkOnce(run, `the delivery ${run.delivery_id}`);
        if (run.slot !== null) checkOnce(run, `the slot ${run.slot} of ${run.name}`);
      }
      checkSlots(seen);
      orphans = checkOrphans(truth, seen, orphans);
    },
  };
}

/** INV-25: two ticks make what one would; and what a slot is remembered for is there. */
function checkSlots({ runs, slotsMade }: Seen): void {
  const made = [...runs.values()].filter((run) => run.slot !== null).length;
  ensure("INV-25", made === slotsMade, `${slotsMade} slots of schedules made ${made} runs`);
}

/** INV-17: of a run that was stopped nothing that it waited for goes on (S-134: what it only enqueued does). */
function checkOrphans(truth: Truth, seen: Seen, before: ReadonlyMap<string, number>): Map<string, number> {
  const orphans = new Map<string, number>();
  for (const run of seen.runs.values()) {
    if (run.parent_id === null || run.needs_slot || isFinal(run)) continue;
    const parent = seen.runs.get(run.parent_id);
    if (parent === undefined || statusOf(parent) !== "aborted" || parent.reason !== "cancelled") continue;
    const since = before.get(run.id) ?? truth.wallMs;
    orphans.set(run.id, since);
    const overdueMs = truth.wallMs - since - truth.leaseMs - truth.forgivenMs - CONFIRM_MS;
    ensure("INV-17", overdueMs <= 0, `${labelOf(run)} goes on ${overdueMs} ms after its parent was stopped`);
  }
  return orphans;
}
