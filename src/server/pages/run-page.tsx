/** The page of one run, and what people send from it for a step that waits for them. */
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
import { findRun, isFinal, readDetails } from "../http/runs-read.ts";
import type { ServerPorts } from "../ports.ts";
import { listArtifacts } from "../store/artifacts.ts";
import { statusOf } from "../store/runs.ts";
import { INPUT_PREFIX } from "./parts/task.tsx";
import { render } from "./render.ts";
import { RunPage } from "./run.tsx";

/** `problem`: why what was sent was not taken. */
export async function showRun(
  ports: ServerPorts,
  c: Context<{ Variables: GuardVariables }>,
  place: { readonly name: string; readonly dagRunId: string },
  problem?: { readonly step: string; readonly message: string },
): Promise<Response> {
  const run = await findRun(ports, place.name, place.dagRunId);
  const status = statusOf(run.status);
  return render(
    c,
    <RunPage
      run={await readDetails(ports, run)}
      isFinal={isFinal(status)}
      needsApproval={status === "waiting" && run.approvalSha !== null}
      artifacts={run.hasArtifacts ? await listArtifacts(ports.db, run.id) : []}
      {...(problem === undefined ? {} : { problem })}
    />,
    problem === undefined ? 200 : 400,
  );
}

/** Fields that were left empty are left out. */
export async function decideTask(
  ports: ServerPorts,
  request: TaskRequest,
  sent: FormData,
): Promise<TaskDone | Refusal> {
  const words = Object.fromEntries(
    [...sent].flatMap(([key, value]) =>
      key.startsWith(INPUT_PREFIX) && typeof value === "string" && value !== ""
        ? [[key.slice(INPUT_PREFIX.length), value]]
        : []
    ),
  );
  const decision = sent.get("decision");
  if (decision === "approve") return await approveStep(ports, request, words);
  if (decision === "push-back") return await pushBackStep(ports, request, words);
  if (decision === "reject") return await rejectStep(ports, request, "");
  const run = await findRun(ports, request.name, request.dagRunId);
  const { nodes } = await readDetails(ports, run);
  const form = nodes.find((node) => node.step.name === request.step)?.form ?? null;
  return await completeTask(ports, request, typedInputs(form, words));
}
