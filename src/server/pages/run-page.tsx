/** The page of one run, and what people send from it for a step that waits for them. */
import { isFinal } from "../../run/status.ts";
import type { Context } from "hono";
import { typedInputs } from "../../workflow/task-inputs.ts";
import {
  approveStep,
  completeTask,
  pushBackStep,
  rejectStep,
  type TaskDone,
  type TaskRequest,
} from "../dispatch/human-tasks.ts";
import type { Refusal } from "../dispatch/refusal.ts";
import type { GuardVariables } from "../http/guard.ts";
import { blockersIn } from "../http/blockers.ts";
import { readConditions } from "../http/conditions.ts";
import { findRun, readDetails } from "../http/runs-read.ts";
import type { ServerPorts } from "../ports.ts";
import { listArtifacts } from "../store/artifacts.ts";
import { statusesOf } from "../store/commit-statuses.ts";
import { getRunner } from "../store/runners.ts";
import { statusOf } from "../store/runs.ts";
import { wordsIn } from "./parts/fields.tsx";
import { render } from "./render.tsx";
import { RunPage } from "./run.tsx";
import { handlersOf } from "./steps.tsx";
import { readSubRuns } from "./sub-runs.ts";

/** `problem`: why what was sent was not taken. */
export async function showRun(
  ports: ServerPorts,
  c: Context<{ Variables: GuardVariables }>,
  place: { readonly name: string; readonly dagRunId: string },
  problem?: { readonly step: string; readonly message: string },
): Promise<Response> {
  const run = await findRun(ports, place.name, place.dagRunId);
  const status = statusOf(run.status);
  const details = await readDetails(ports, run);
  return render(
    c,
    <RunPage
      run={details}
      subRuns={await readSubRuns(ports, run, [...details.nodes, ...handlersOf(details)])}
      isFinal={isFinal(status)}
      runner={run.runnerId === null ? null : (await getRunner(ports.db, run.runnerId))?.name ?? null}
      deliveryId={run.deliveryId}
      commitStatuses={run.deliveryId === null ? [] : await statusesOf(ports.db, run.id)}
      waits={blockersIn((await readConditions(ports, [run])).get(run.id) ?? [])}
      needsApproval={status === "waiting" && run.approvalSha !== null}
      artifacts={run.hasArtifacts ? await listArtifacts(ports.db, run.id) : []}
      {...(problem === undefined ? {} : { problem })}
    />,
    problem === undefined ? 200 : 400,
  );
}

export async function decideTask(
  ports: ServerPorts,
  request: TaskRequest,
  sent: FormData,
): Promise<TaskDone | Refusal> {
  const words = wordsIn(sent);
  const decision = sent.get("decision");
  if (decision === "approve") return await approveStep(ports, request, words);
  if (decision === "push-back") return await pushBackStep(ports, request, words);
  if (decision === "reject") return await rejectStep(ports, request, "");
  const run = await findRun(ports, request.name, request.dagRunId);
  const { nodes } = await readDetails(ports, run);
  const form = nodes.find((node) => node.step.name === request.step)?.form ?? null;
  return await completeTask(ports, request, typedInputs(form, words));
}
