/** Trying a run again that ended (5.14, RT-02): same run id, same parameters, same snapshot, a new attempt. */
import type { RetryScope } from "../../run/retry.ts";
import type { FailureCode } from "../../run/failure.ts";
import type { RunState } from "../../run/state.ts";
import type { ServerPorts } from "../ports.ts";
import type { Transaction } from "../store/db.ts";
import { dequeueDelayed } from "../store/queue.ts";
import { addNote, getRun, lockRun, type RunRow, statusOf, updateRun } from "../store/runs.ts";
import { getWorkflow } from "../store/workflows.ts";
import { type Refusal, refuse } from "./refusal.ts";
import { queueResumed } from "./resume.ts";
import { workflowOf } from "./run-workflow.ts";
import { refuseChoice, type RunnerChoice, selectorOf } from "./selector.ts";

export interface RetryRequest {
  readonly name: string;
  readonly dagRunId: string;
  readonly scope: RetryScope;
  readonly choice: RunnerChoice;
  /** The run by which it was addressed: itself, or one above it, which must have ended too. */
  readonly root: { readonly name: string; readonly dagRunId: string };
}

export const ACTIVE = ["not_started", "queued", "running", "waiting"];

export async function retryRun(
  ports: ServerPorts,
  request: RetryRequest,
): Promise<{ readonly ok: true; readonly dagRunId: string } | Refusal> {
  const { name, dagRunId, scope, root } = request;
  const found = await getRun(ports.db, name, dagRunId);
  if (found === null) return refuse("not_found", `there is no run ${name}:${dagRunId}`);
  const above = await getRun(ports.db, root.name, root.dagRunId);
  if (above !== null && above.id !== found.id && ACTIVE.includes(statusOf(above.status))) {
    return refuse("conflict", stillActive(above));
  }
  const refusal = await ports.db.transaction(async (tx) => {
    const run = await lockRun(tx, found.id);
    if (run === null) return refuse("not_found", `there is no run ${name}:${dagRunId}`);
    if (ACTIVE.includes(statusOf(run.status)) && !await voidPending(tx, ports, run)) {
      return refuse("conflict", stillActive(run));
    }
    const selector = selectorOf(run, request.choice.selector);
    const lacking = refuseChoice(run, request.choice);
    if (lacking !== null) return lacking;
    const options = { triggerType: "retry", selector };
    const unknown = await queueResumed(tx, ports, run, scope, options);
    return unknown === null
      ? null
      : refuse("bad_request", `run ${name}:${found.dagRunId} has no step "${unknown}"`);
  });
  if (refusal !== null) return refusal;
  ports.wake.notify("ready");
  ports.wake.notify(`run:${found.id}`);
  return { ok: true, dagRunId: found.dagRunId };
}

/** An automatic retry whose time has not come is void, and is not counted, when somebody retries the run now (RT-05). */
async function voidPending(tx: Transaction, ports: ServerPorts, run: RunRow): Promise<boolean> {
  if (run.autoRetries === 0 || statusOf(run.status) !== "queued") return false;
  if (!await dequeueDelayed(tx, run.id, new Date(ports.clock.now()))) return false;
  await updateRun(tx, run.id, { autoRetries: run.autoRetries - 1 });
  return true;
}

function stillActive(run: RunRow): string {
  return `run ${run.name}:${run.dagRunId} is ${statusOf(run.status)}; only a run that ended can be retried`;
}

// ---- automatic retries (5.6) ------------------------------------------------------------------------------------

/** How often a run whose workflow limits no retries is given on. */
const LOST_MAX = 3;
/** As many as can be counted. */
const RETRIES_MAX = 32_767;
/** Whatever its workflow asks for, a run is given on within a day or not at all (RT-03). */
const DELAY_MAX_MS = 86_400_000;
/** How a runner tells that it lost the run, not that the run failed. */
const LOST_CODES: readonly FailureCode[] = ["LEASE_LOST", "RUNNER_LOST", "RUNNER_RESTARTED"];

/** Queues the next automatic attempt of a run that just failed, if its workflow asks for one. Answers whether it did. */
export async function retryFailed(
  tx: Transaction,
  ports: Pick<ServerPorts, "clock">,
  run: RunRow,
  { status, failure }: Pick<RunState, "status" | "failure">,
): Promise<boolean> {
  if (status !== "failed") return false;
  if (failure !== null && LOST_CODES.includes(failure.code)) {
    if (await retryLost(tx, ports, run, new Date(ports.clock.now()))) return true;
  }
  if (run.parentId !== null || run.cancelRequestedAt !== null || await isSuspended(tx, run)) return false;
  const policy = (await workflowOf(tx, run))?.retry ?? null;
  if (policy === null || run.autoRetries >= Math.min(policy.limit, RETRIES_MAX)) return false;
  const grown = policy.intervalSec * (policy.backoff ?? 1) ** run.autoRetries;
  const delayMs = Math.min(grown * 1_000, policy.maxIntervalSec * 1_000, DELAY_MAX_MS);
  const availableAt = new Date(ports.clock.now() + delayMs);
  await queueResumed(tx, ports, run, { kind: "failed" }, { availableAt, isAutomatic: true });
  return true;
}

/**
 * Gives a run whose runner was lost to the next one that has room, from its last state, if it is one that is given on (RT-09).
 * Its old runner has stopped by `availableAt`. It counts as an automatic retry; of a sub-run too, whose parent waits on.
 */
export async function retryLost(
  tx: Transaction,
  ports: Pick<ServerPorts, "clock">,
  run: RunRow,
  availableAt: Date,
): Promise<boolean> {
  if (run.onLost !== "retry" || run.cancelRequestedAt !== null || await isSuspended(tx, run)) return false;
  const workflow = await workflowOf(tx, run);
  if (workflow === null) return false;
  const limit = run.parentId === null ? workflow.retry?.limit ?? LOST_MAX : LOST_MAX;
  if (run.autoRetries >= limit) return false;
  await queueResumed(tx, ports, run, { kind: "failed" }, { availableAt, isAutomatic: true });
  await addNote(tx, run.id, `attempt ${run.attempt} was lost with its runner; the run goes on with another`);
  return true;
}

/** What is suspended does nothing by itself (RT-05). */
async function isSuspended(tx: Transaction, run: Pick<RunRow, "fileName">): Promise<boolean> {
  return run.fileName !== null && (await getWorkflow(tx, run.fileName))?.suspended === true;
}
