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
import { unwrap, valid } from "../answer.ts";
import type { GuardVariables } from "../guard.ts";
import { findRun } from "../runs-read.ts";

const CompleteBody = v.record(v.string(), v.unknown());
const ApproveBody = v.object({ inputs: v.optional(v.record(v.string(), v.string()), {}) });
const RejectBody = v.object({ reason: v.optional(v.string(), "") });
const Selector = v.record(v.string(), v.string());

/** Which runner may take the resumed run: `?runner.KEY=VALUE`, since the body is the form's. */
const SELECTOR_PREFIX = "runner.";

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
  const selector = Object.entries(c.req.query())
    .flatMap(([key, value]) =>
      key.startsWith(SELECTOR_PREFIX) ? [[key.slice(SELECTOR_PREFIX.length), value]] : []
    );
  return {
    name: run.name,
    dagRunId: run.dagRunId,
    step: c.req.param("step") ?? "",
    selector: v.parse(Selector, Object.fromEntries(selector)),
    actor: c.var.caller,
  };
}
