/** Giving a run that ended, or waits, back to the queue: it goes on from its steps as they are (5.14, TX-06, TX-07). */
import { newStepState } from "../../run/state.ts";
import { settlePushBacks } from "../../run/push-back.ts";
import { resetForRetry, type RetryScope } from "../../run/retry.ts";
import type { ServerPorts } from "../ports.ts";
import { reopenStatuses } from "../store/commit-statuses.ts";
import type { Transaction } from "../store/db.ts";
import { enqueueRun } from "../store/queue.ts";
import { codeOf, type RunRow, updateRun } from "../store/runs.ts";
import { listSteps, type StepRow, updateSteps } from "../store/steps.ts";
import { PRIORITY } from "./plan.ts";
import { workflowOf } from "./run-workflow.ts";
import { queueEntryOf } from "./queue-entry.ts";

export interface ResumeOptions {
  /** When the run may be claimed; default: now. */
  readonly availableAt?: Date;
  readonly triggerType?: string;
  readonly selector?: Readonly<Record<string, string>>;
  /** An automatic retry: it is counted, and the run's trigger becomes `retry` (RT-04). */
  readonly isAutomatic?: boolean;
}

/** `scope` says which steps run again. The caller holds the run. Answers an unknown step's name, or null. */
export async function queueResumed(
  tx: Transaction,
  ports: Pick<ServerPorts, "clock">,
  run: RunRow,
  scope: RetryScope,
  options: ResumeOptions = {},
): Promise<string | null> {
  const now = new Date(ports.clock.now());
  const steps = await settle(tx, run);
  const graph = (await workflowOf(tx, run))?.steps ?? [];
  const reset = resetForRetry(steps.filter((step) => !step.isHandler), graph, scope);
  if (typeof reset === "string") return reset;
  const handlers = steps.filter((step) => step.isHandler).map((step) => newStepState(step.name));
  await updateSteps(tx, run.id, [...reset, ...handlers]);
  await updateRun(tx, run.id, {
    status: codeOf("queued"),
    reason: "",
    failure: null,
    finishedAt: null,
    cancelRequestedAt: null,
    cancelBy: null,
    cancelReason: null,
    queuedAt: now,
    runnerId: null,
    resumes: true,
    requeues: 0,
    ...(options.triggerType === undefined ? {} : { triggerType: options.triggerType }),
    ...(options.selector === undefined ? {} : { selector: options.selector }),
    ...(options.isAutomatic === true ? { triggerType: "retry", autoRetries: run.autoRetries + 1 } : {}),
  });
  await reopenStatuses(tx, run.id, now);
  await enqueueRun(tx, {
    ...queueEntryOf(run),
    ...(options.selector === undefined ? {} : { selector: options.selector }),
    // What people have just acted upon goes at once; a retry goes before what is new (QU-13).
    priority: Math.min(scope.kind === "rest" ? PRIORITY.start : PRIORITY.retry, run.priority),
  }, options.availableAt ?? now);
  return null;
}

/** The run's steps, those reset that people sent back. No attempt of the run may be under way; the caller holds the run. */
export async function settle(tx: Transaction, run: RunRow): Promise<StepRow[]> {
  const steps = await listSteps(tx, run.id);
  if (!steps.some((step) => step.isPushedBack)) return steps;
  // Dependencies are those of the run's own snapshot of the workflow.
  const graph = (await workflowOf(tx, run))?.steps ?? [];
  await updateSteps(tx, run.id, settlePushBacks(steps.filter((step) => !step.isHandler), graph));
  return await listSteps(tx, run.id);
}
