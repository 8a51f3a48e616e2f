/** Stopping a run that waits for a person: what its handlers have to do is done by the next attempt. */
import type { Failure } from "../../run/failure.ts";
import { endIfOpen } from "../../run/state.ts";
import type { ServerPorts } from "../ports.ts";
import type { Transaction } from "../store/db.ts";
import type { RunRow } from "../store/runs.ts";
import { listSteps, updateSteps } from "../store/steps.ts";
import { queueResumed } from "./resume.ts";
import { workflowOf } from "./run-workflow.ts";
import { refuseChoice, type RunnerChoice, selectorOf } from "./selector.ts";
import { hasTaker } from "./takers.ts";

/**
 * false: no handler wants to know, or no runner is there to execute it, and nothing was changed. `choice`: the runner that
 * the caller brings, if it names one. The caller holds the run, which waits.
 */
export async function stopWaiting(
  tx: Transaction,
  ports: Pick<ServerPorts, "clock">,
  run: RunRow,
  failure: Failure,
  choice: RunnerChoice,
): Promise<boolean> {
  const handlers = (await workflowOf(tx, run))?.handlers;
  if (handlers?.abort === undefined && handlers?.exit === undefined) return false;
  const at = ports.clock.now();
  const selector = selectorOf(run, choice.selector);
  // A stop that waits for a runner to come would never end.
  const isTaken = choice.runnerLabels === undefined
    ? await hasTaker(tx, selector, at)
    : refuseChoice(run, choice) === null;
  if (!isTaken) return false;
  const waiting = (await listSteps(tx, run.id)).filter((step) => step.status === "waiting");
  await updateSteps(tx, run.id, waiting.map((step) => ({ ...endIfOpen(step, "aborted", at), failure })));
  await queueResumed(tx, ports, run, { kind: "rest" }, { selector });
  return true;
}
