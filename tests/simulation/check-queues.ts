/** Queues: how wide they are, who goes next, and that nobody waits for a runner that waits for work. */
import type { Checks, Past } from "./checker.ts";
import type { Seen, SeenAttempt, SeenRun } from "./observed.ts";
import type { Truth } from "./truth.ts";
import { ensure, labelOf, LIVE } from "./violation.ts";

/** After a fault: who asks in vain asks again within a minute, and what was on its way arrives or does not. */
const SETTLED_MS = 150_000;
/** What one claim costs beside the waiting for it: statements that are held up, messages on their way. */
const SLACK_MS = 30_000;

export function newQueueChecks(truth: Truth): Checks {
  /** By run and runner: since when the one could have had the other. */
  let possible = new Map<string, number>();

  return {
    check: (seen, before) => {
      const live = new Set([...seen.leases.keys()]);
      for (const { queue, width, taken } of seen.queues) {
        ensure("INV-13", taken.length <= width, `queue ${queue} has ${taken.length} of ${width} slots taken`);
        const leaked = taken.filter((id) => !live.has(id));
        ensure("INV-14", leaked.length === 0, `queue ${queue} keeps slots of attempts that ended: ${leaked}`);
      }
      for (const attempt of seen.changedAttempts) {
        if (!before.attempts.has(attempt.id)) checkClaim(seen, before, attempt);
      }
      possible = checkIdle(truth, seen, possible);
    },
  };
}

function checkClaim(seen: Seen, before: Past, attempt: SeenAttempt): void {
  const taken = seen.runs.get(attempt.run_id);
  const old = before.runs.get(attempt.run_id);
  if (taken?.needs_slot !== true || !LIVE.includes(attempt.state)) return;
  const queue = seen.queues.find((one) => one.queue === taken.queue);
  const count = queue?.taken.length ?? 0;
  const limit = queue?.limit ?? null;
  const isWithin = limit === null || count <= limit;
  ensure("INV-13", isWithin, `${labelOf(taken)} was claimed as number ${count} of queue ${taken.queue}`);
  ensure("INV-12", queue?.is_paused !== true, `${labelOf(taken)} was claimed from a queue that is paused`);
  const rank = old === undefined ? null : rankOf(old);
  if (rank === null) return;
  for (const [id, other] of before.runs) {
    const stillThere = seen.runs.get(id);
    if (other.queue !== taken.queue || !other.needs_slot || !sameWait(other, stillThere)) continue;
    if (!mayTake(other, attempt.runner_id, attempt.claimed_at)) continue;
    // Whether the runner had room for it by then is known to nobody but the runner.
    if (other.needs_cpu > 0) continue;
    const otherRank = rankOf(other);
    const isOvertaken = otherRank !== null && isBefore(otherRank, rank);
    ensure("INV-12", !isOvertaken, `${labelOf(taken)} was claimed before ${labelOf(other)}`);
  }
}

const AGEING_MS = 600_000;
const URGENT = 2;

/** QU-13: what is urgent by its priority, then by time; of the others ten minutes of waiting are worth one step. */
function rankOf({ waits, id }: SeenRun): readonly [number, number, string] | null {
  if (waits === null) return null;
  const { priority, available_at: at } = waits;
  return priority < URGENT ? [priority, at, id] : [URGENT, at + (priority - URGENT) * AGEING_MS, id];
}

function isBefore(a: readonly [number, number, string], b: readonly [number, number, string]): boolean {
  return a[0] !== b[0] ? a[0] < b[0] : a[1] !== b[1] ? a[1] < b[1] : a[2] < b[2];
}

/** What is done to a run while others claim keeps it from being claimed (CL-06): only who just waits is overtaken. */
function sameWait(one: SeenRun, other: SeenRun | undefined): boolean {
  return one.waits !== null && other?.waits?.available_at === one.waits.available_at;
}

function mayTake(run: SeenRun, runnerId: string, nowMs: number): boolean {
  const { waits } = run;
  if (waits === null || !run.fits.includes(runnerId) || waits.excluded.includes(runnerId)) return false;
  return waits.available_at <= nowMs || waits.available_at <= (waits.queued_at ?? 0);
}

/** INV-26, and INV-12 with it: whoever could go, goes. */
function checkIdle(truth: Truth, seen: Seen, before: ReadonlyMap<string, number>): Map<string, number> {
  const possible = new Map<string, number>();
  const busy = workOf(seen);
  const free = [...truth.ready].filter(([id, { capacity }]) => (busy.get(id)?.runs ?? 0) < capacity);
  if (free.length === 0) return possible;
  for (const run of seen.runs.values()) {
    if (run.waits === null) continue;
    const queue = seen.queues.find((one) => one.queue === run.queue);
    const isFull = queue === undefined || queue.is_paused ||
      queue.taken.length >= Math.min(queue.width, queue.limit ?? queue.width);
    if (run.needs_slot && isFull) continue;
    for (const [id, { since: readySince, cpu }] of free) {
      if (!mayTake(run, id, truth.wallMs)) continue;
      if (cpu !== null && run.needs_cpu + (busy.get(id)?.cpu ?? 0) > cpu) continue;
      const key = `${run.id} ${run.waits.available_at} ${id}`;
      const since = before.get(key) ?? truth.nowMs;
      possible.set(key, since);
      const settledAt = Math.max(truth.disturbedAt, readySince) + SETTLED_MS;
      const waitedMs = truth.nowMs - Math.max(since, settledAt);
      const isPrompt = waitedMs <= truth.claimWaitMs + SLACK_MS;
      ensure("INV-26", isPrompt, `${labelOf(run)} waits for ${waitedMs} ms while ${id} could take it`);
    }
  }
  return possible;
}

/** What each runner has under way, as the database has it: at least what the runner itself counts. */
function workOf(seen: Seen): ReadonlyMap<string, { readonly runs: number; readonly cpu: number }> {
  const work = new Map<string, { runs: number; cpu: number }>();
  for (const id of seen.leases.keys()) {
    const { runner_id: runner = "", run_id: run = "" } = seen.attempts.get(id) ?? {};
    const { runs, cpu } = work.get(runner) ?? { runs: 0, cpu: 0 };
    work.set(runner, { runs: runs + 1, cpu: cpu + (seen.runs.get(run)?.needs_cpu ?? 0) });
  }
  return work;
}
