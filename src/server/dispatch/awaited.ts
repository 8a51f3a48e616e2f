/**
 * A run whose step waits for sub-runs that wait for people themselves goes on when they are over (S-132): the step is tried
 * again, and finds their results.
 */
import { type ChildLink, startOver, type StepState } from "../../run/state.ts";
import type { ServerPorts } from "../ports.ts";
import { type AttemptRow, listAttempts } from "../store/attempts.ts";
import type { Transaction } from "../store/db.ts";
import { describeError } from "../store/failure.ts";
import { childrenOf, getRunById, lockRun, type RunRow, statusOf } from "../store/runs.ts";
import { listSteps, updateSteps } from "../store/steps.ts";
import { queueResumed } from "./resume.ts";
import { ACTIVE } from "./retry.ts";
import { OWN_MARK, readSelector, selectorOf } from "./selector.ts";

/** Beside whatever ended what the run may wait for. What goes wrong is tried again by the periodic look. */
export function resumeSoon(ports: ServerPorts, runId: string): void {
  ports.background(
    resumeAwaiting(ports, runId).catch((error: unknown) => {
      ports.log.warn("a waiting run was not looked at", { run: runId, error: describeError(error) });
    }),
  );
}

/** Looks at the run under its lock; any number of callers may. */
export async function resumeAwaiting(ports: ServerPorts, runId: string): Promise<void> {
  // Most parents run on while a child of theirs ends: they are not held up for the question.
  const seen = await getRunById(ports.db, runId);
  if (seen === null || statusOf(seen.status) !== "waiting") return;
  const isQueued = await ports.db.transaction(async (tx) => {
    const run = await lockRun(tx, runId);
    if (run === null || statusOf(run.status) !== "waiting") return false;
    const steps = await listSteps(tx, run.id);
    const children = new Map((await childrenOf(tx, run.id)).map((child) => [child.dagRunId, child]));
    const due = steps.filter((step) => step.waiting?.kind === "sub_run" && areOver(step.children, children));
    if (due.length === 0) return false;
    await updateSteps(tx, run.id, due.map(begunAnew));
    // People who are asked for something else are waited for: one attempt goes on with all of it.
    if (steps.some((step) => step.status === "waiting" && !due.includes(step))) return false;
    await queueResumed(tx, ports, run, { kind: "rest" }, { selector: selectorOf(run, markOf(children)) });
    return true;
  });
  if (!isQueued) return;
  ports.wake.notify("ready");
  ports.wake.notify(`run:${runId}`);
}

function areOver(links: readonly ChildLink[], children: ReadonlyMap<string, RunRow>): boolean {
  return links.every(({ dagRunId }) => !ACTIVE.includes(statusOf(children.get(dagRunId)?.status ?? 0)));
}

function begunAnew(step: StepState): StepState {
  return { ...startOver(step), children: step.children };
}

/** Without a server, the process that went on with the child goes on with its parent. */
function markOf(children: ReadonlyMap<string, RunRow>): Readonly<Record<string, string>> {
  const byEnd = [...children.values()].toSorted((a, b) =>
    (a.finishedAt?.getTime() ?? 0) - (b.finishedAt?.getTime() ?? 0)
  );
  const last = byEnd.at(-1);
  const selector = last === undefined ? {} : readSelector(last);
  const mark = selector[OWN_MARK];
  return mark === undefined ? {} : { [OWN_MARK]: mark };
}

/**
 * Whether a child ended while its parent waited for it: between the attempt that began it and the one that goes on. Of the
 * children of an earlier try that did not end well this tells those that are not to be tried again.
 */
export async function endedMeanwhile(
  tx: Transaction,
  child: Pick<RunRow, "id" | "finishedAt">,
  parent: Pick<AttemptRow, "runId" | "fence" | "claimedAt">,
): Promise<boolean> {
  const before = (await listAttempts(tx, parent.runId)).find(({ fence }) => fence === parent.fence - 1);
  if (before?.state !== "waiting" || before.endedAt === null) return false;
  // By our own clock, which is not its runner's.
  const endedAt = (await listAttempts(tx, child.id)).at(-1)?.endedAt ?? child.finishedAt;
  return endedAt !== null && before.endedAt <= endedAt && endedAt <= parent.claimedAt;
}
