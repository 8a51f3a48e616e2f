/** What people do for runs that wait for them (AP-74 to AP-77). */
import { type Context, Hono } from "hono";
import * as v from "valibot";
import {
  approveStep,
  completeTask,
  pushBackStep,
  rejectStep,
  type TaskRequest,
} from "../../dispatch/human-tasks.ts";
import type { ServerPorts } from "../../ports.ts";
import { refused, unwrap, valid } from "../answer.ts";
import type { GuardVariables } from "../guard.ts";
import { findRun } from "../runs-read.ts";
import { choiceOf } from "./dags.ts";

const CompleteBody = v.record(v.string(), v.unknown());
const ApproveBody = v.object({ inputs: v.optional(v.record(v.string(), v.string()), {}) });
const RejectBody = v.object({ reason: v.optional(v.string(), "") });
const Labels = v.pipe(v.string(), v.parseJson(), v.record(v.string(), v.string()));
/** Who is to take the resumed run: maps as JSON in the query, since the body is the form's. */
const ChoiceQuery = v.object({
  workerSelector: v.optional(Labels, "{}"),
  runnerLabels: v.optional(Labels),
});

export function peopleRoutes(ports: ServerPorts): Hono<{ Variables: GuardVariables }> {
  const app = new Hono<{ Variables: GuardVariables }>();

  app.post("/:name/:dagRunId/human-tasks/:step/complete", async (c) => {
    const body = await valid(CompleteBody, c);
    const request = await requestOf(ports, c);
    const done = unwrap(await completeTask(ports, request, body));
    return c.json({
      dagName: request.name,
      dagRunId: request.dagRunId,
      stepId: request.step,
      alreadyCompleted: done.alreadyCompleted,
      queued: done.queued,
      remainingWaitingSteps: done.remaining,
    });
  });

  app.post("/:name/:dagRunId/steps/:step/approve", async (c) => {
    const { inputs } = await valid(ApproveBody, c);
    const request = await requestOf(ports, c);
    const done = unwrap(await approveStep(ports, request, inputs));
    return c.json({ dagRunId: request.dagRunId, stepName: request.step, resumed: done.queued });
  });

  app.post("/:name/:dagRunId/steps/:step/reject", async (c) => {
    const { reason } = await valid(RejectBody, c);
    const request = await requestOf(ports, c);
    unwrap(await rejectStep(ports, request, reason));
    return c.json({ dagRunId: request.dagRunId, stepName: request.step });
  });

  app.post("/:name/:dagRunId/steps/:step/push-back", async (c) => {
    const { inputs } = await valid(ApproveBody, c);
    const request = await requestOf(ports, c);
    const done = unwrap(await pushBackStep(ports, request, inputs));
    return c.json({
      dagRunId: request.dagRunId,
      stepName: request.step,
      approvalIteration: done.pushBacks,
      resumed: done.queued,
    });
  });

  return app;
}

async function requestOf(
  ports: ServerPorts,
  c: Context<{ Variables: GuardVariables }>,
): Promise<TaskRequest> {
  const run = await findRun(ports, c.req.param("name") ?? "", c.req.param("dagRunId") ?? "");
  const query = v.safeParse(ChoiceQuery, c.req.query());
  if (!query.success) {
    throw refused("bad_request", "workerSelector and runnerLabels are maps of texts, as JSON");
  }
  return {
    name: run.name,
    dagRunId: run.dagRunId,
    step: c.req.param("step") ?? "",
    choice: choiceOf(query.output),
    actor: c.var.caller,
  };
}
