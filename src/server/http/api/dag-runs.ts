/** Runs (3.4): list, read, start inline, stop, events, approval. */
import { type Context, Hono } from "hono";
import * as v from "valibot";
import { Signature, withSignature } from "../../../workflow/signature.ts";
import { PRIORITY } from "../../dispatch/plan.ts";
import { decideForkRun } from "../../dispatch/fork-approval.ts";
import { stopRun } from "../../dispatch/cancel.ts";
import { dequeueFirst, dequeueNamed } from "../../dispatch/dequeue.ts";
import { removeRun, removeRuns } from "../../dispatch/remove.ts";
import { type RescheduleChanges, rescheduleRun } from "../../dispatch/reschedule.ts";
import { retryRun } from "../../dispatch/retry.ts";
import { startRun } from "../../dispatch/start.ts";
import type { ServerPorts } from "../../ports.ts";
import type { ServerSettings } from "../../settings.ts";
import { getText } from "../../store/blobs.ts";
import { listEvents } from "../../store/events.ts";
import { listRuns, type RunFilter } from "../../store/runs.ts";
import { refused, unwrap, valid } from "../answer.ts";
import { readConditions } from "../conditions.ts";
import type { GuardVariables } from "../guard.ts";
import { findRun, readDetails, readOutputs } from "../runs-read.ts";
import { RUN_STATUSES } from "../../../run/event.ts";
import { statusesOf, toSummary } from "../shapes.ts";
import { answerStarted, ChoiceBody, choiceOf, requestOf, StartBody, Time } from "./dags.ts";
import { findSubRun } from "./sub-runs.ts";

const InlineBody = v.object({
  ...StartBody.entries,
  spec: v.string(),
  signature: v.optional(v.nullable(Signature), null),
  name: v.optional(v.string()),
  /** Stem of the file that the text is from: the name of a workflow that gives none. */
  fileStem: v.optional(v.string()),
  /** Folder of that file, for relative paths in the workflow. */
  sourceDir: v.optional(v.string(), ""),
  enqueue: v.optional(v.boolean(), false),
});
const StopBody = v.object({
  force: v.optional(v.boolean(), false),
  ...ChoiceBody.entries,
});
const RetryBody = v.object({
  dagRunId: v.optional(v.string()),
  stepName: v.optional(v.string()),
  includeDownstream: v.optional(v.boolean(), false),
  /** The step is one of this run below it. */
  subDAGRunId: v.optional(v.string()),
  ...ChoiceBody.entries,
});
const RescheduleBody = v.object({
  ...v.omit(StartBody, ["params", "parent", "root", "singleton"]).entries,
  /** true: it waits for a slot of its queue; false: it does not; absent: as the old run. */
  enqueue: v.optional(v.boolean()),
});
const DequeueBody = v.object({
  queue: v.pipe(v.string(), v.minLength(1)),
  /** null: the first of the queue. */
  dagRun: v.optional(v.nullable(v.object({ name: v.string(), dagRunId: v.string() })), null),
});
const CleanupBody = v.object({
  /** Runs that ended earlier than this; absent: all that ended. */
  before: v.optional(Time),
  after: v.optional(v.pipe(v.string(), v.uuid())),
  dryRun: v.optional(v.boolean(), false),
});
const ApprovalBody = v.object({ decision: v.picklist(["approve", "reject"]) });

export function dagRunRoutes(
  ports: ServerPorts,
  settings: ServerSettings,
): Hono<{ Variables: GuardVariables }> {
  const app = new Hono<{ Variables: GuardVariables }>();

  app.get("/", async (c) => {
    const name = c.req.query("name");
    return c.json(await list(ports, c.req.queries(), name === undefined ? {} : { nameContains: name }));
  });

  app.post("/", async (c) => {
    const body = await valid(InlineBody, c);
    return await startInline(ports, c, body, body.enqueue);
  });

  app.post("/enqueue", async (c) => await startInline(ports, c, await valid(InlineBody, c), true));

  app.post("/dequeue", async (c) => {
    const { queue, dagRun } = await valid(DequeueBody, c);
    const { name, dagRunId } = unwrap(
      dagRun === null
        ? await dequeueFirst(ports, queue, c.var.caller)
        : await dequeueNamed(ports, dagRun, queue, c.var.caller),
    );
    return c.json({ dagName: name, dagRunId });
  });

  app.get("/:name", async (c) => c.json(await list(ports, c.req.queries(), { name: c.req.param("name") })));

  app.post("/:name/cleanup", async (c) => {
    const body = await valid(CleanupBody, c);
    const removed = await removeRuns(ports, {
      name: c.req.param("name"),
      before: body.before === undefined ? null : new Date(body.before),
      after: body.after ?? null,
      isDryRun: body.dryRun,
    });
    return c.json(removed);
  });

  app.delete("/:name/:dagRunId", async (c) => {
    unwrap(await removeRun(ports, c.req.param("name"), c.req.param("dagRunId")));
    return c.body(null, 204);
  });

  app.get("/:name/:dagRunId", async (c) => {
    const run = await findRun(ports, c.req.param("name"), c.req.param("dagRunId"));
    const conditions = (await readConditions(ports, [run])).get(run.id);
    const details = await readDetails(ports, run);
    return c.json({ dagRunDetails: conditions === undefined ? details : { ...details, conditions } });
  });

  app.get("/:name/:dagRunId/outputs", async (c) => {
    const run = await findRun(ports, c.req.param("name"), c.req.param("dagRunId"));
    return c.json(await readOutputs(ports, run));
  });

  app.get("/:name/:dagRunId/spec", async (c) => {
    const run = await findRun(ports, c.req.param("name"), c.req.param("dagRunId"));
    return c.json({ spec: await getText(ports.db, run.digest) ?? "" });
  });

  app.post("/:name/:dagRunId/stop", async (c) => {
    const body = await valid(StopBody, c);
    unwrap(await stopRun(ports, settings, c.req.param(), c.var.caller, body.force, choiceOf(body)));
    return c.json({});
  });

  app.post("/:name/:dagRunId/retry", async (c) => {
    const { name, dagRunId } = c.req.param();
    const body = await valid(RetryBody, c);
    if (body.dagRunId !== undefined && body.dagRunId !== dagRunId) {
      throw refused("bad_request", "dagRunId of the body is not that of the path");
    }
    for (const key of ["includeDownstream", "subDAGRunId"] as const) {
      if (body[key] && body.stepName === undefined) throw refused("bad_request", `${key} needs stepName`);
    }
    const scope = body.stepName === undefined
      ? { kind: "failed" } as const
      : { kind: "step", step: body.stepName, downstream: body.includeDownstream } as const;
    const run = body.subDAGRunId === undefined
      ? { name, dagRunId }
      : await findSubRun(ports, { name, dagRunId, subRunId: body.subDAGRunId });
    const root = { name, dagRunId };
    const retried = unwrap(
      await retryRun(ports, { name: run.name, dagRunId: run.dagRunId, scope, choice: choiceOf(body), root }),
    );
    return c.json({ dagName: run.name, dagRunId: retried.dagRunId });
  });

  app.post("/:name/:dagRunId/dequeue", async (c) => {
    unwrap(await dequeueNamed(ports, c.req.param(), null, c.var.caller));
    return c.json({});
  });

  app.post("/:name/:dagRunId/reschedule", async (c) => {
    const body = await valid(RescheduleBody, c);
    const started = unwrap(
      await rescheduleRun(ports, {
        ...c.req.param(),
        newRunId: body.dagRunId ?? null,
        actor: c.var.caller,
        choice: choiceOf(body),
        changes: changesOf(body),
      }),
    );
    return c.json({ dagRunId: started.dagRunId, dagName: started.name, queued: true });
  });

  app.get("/:name/:dagRunId/events", async (c) => {
    const run = await findRun(ports, c.req.param("name"), c.req.param("dagRunId"));
    const after = naturalOf(c.req.query("after"), 0, Number.MAX_SAFE_INTEGER);
    const limit = naturalOf(c.req.query("limit"), 500, 1_000);
    const rows = await listEvents(ports.db, { runId: run.id, fence: run.attempt }, after, limit);
    return c.json({ events: rows.map((row) => row.body), nextAfter: rows.at(-1)?.seq ?? after });
  });

  app.post("/:name/:dagRunId/fork-approval", async (c) => {
    const { decision } = await valid(ApprovalBody, c);
    const decided = unwrap(await decideForkRun(ports, c.req.param(), decision, c.var.caller));
    return c.json({ dagRunId: c.req.param("dagRunId"), status: decided.status });
  });

  return app;
}

async function startInline(
  ports: ServerPorts,
  c: Context<{ Variables: GuardVariables }>,
  body: v.InferOutput<typeof InlineBody>,
  needsSlot: boolean,
): Promise<Response> {
  const started = await startRun(ports, {
    definition: {
      text: withSignature(body.spec, body.signature),
      name: body.name ?? null,
      stem: body.fileStem ?? null,
    },
    ...await requestOf(ports, body, c),
    sourceDir: body.sourceDir,
    needsSlot,
    priority: body.priority ?? (needsSlot ? PRIORITY.enqueue : PRIORITY.start),
    queue: body.queue ?? null,
  });
  return answerStarted(c, started);
}

function changesOf(body: v.InferOutput<typeof RescheduleBody>): RescheduleChanges {
  const { dagName, defaultWorkingDir, queue, priority, enqueue, scheduleTime } = body;
  return {
    triggerType: body.triggerType,
    labels: body.labels ?? [],
    ...(dagName === undefined ? {} : { name: dagName }),
    ...(defaultWorkingDir === undefined ? {} : { defaultDir: defaultWorkingDir }),
    ...(queue === undefined ? {} : { queue }),
    ...(priority === undefined ? {} : { priority }),
    ...(enqueue === undefined ? {} : { needsSlot: enqueue }),
    ...(scheduleTime === undefined ? {} : { scheduleTime: new Date(scheduleTime) }),
  };
}

async function list(
  ports: ServerPorts,
  query: Record<string, string[]>,
  extra: Partial<RunFilter>,
): Promise<Record<string, unknown>> {
  const asked = query["status"] ?? [];
  const statuses = statusesOf(asked);
  if (statuses === null) {
    const words = RUN_STATUSES.join(", ");
    throw refused(
      "bad_request",
      `status must be a code of 0 to 8 or one of ${words}; got "${asked.join(",")}"`,
    );
  }
  const limit = naturalOf(query["limit"]?.[0], 100, 500);
  const cursor = query["cursor"]?.[0];
  if (cursor !== undefined && !v.is(v.pipe(v.string(), v.uuid()), cursor)) {
    throw refused("bad_request", "the cursor is not one of ours");
  }
  const dagRunId = query["dagRunId"]?.[0];
  const labels = (query["labels"] ?? []).flatMap((list) => list.split(",")).map((label) =>
    label.trim().toLowerCase()
  );
  const rows = await listRuns(ports.db, {
    ...extra,
    statuses,
    limit: limit + 1,
    labels: labels.filter((label) => label !== ""),
    isRoot: query["subRuns"]?.[0] === "false",
    ...(dagRunId === undefined ? {} : { dagRunIdContains: dagRunId }),
    ...(cursor === undefined ? {} : { before: cursor }),
    ...dateOf("from", query["fromDate"]?.[0]),
    ...dateOf("to", query["toDate"]?.[0]),
  });
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return {
    dagRuns: page.map(toSummary),
    ...(rows.length > limit && last !== undefined ? { nextCursor: last.id } : {}),
  };
}

function dateOf(key: "from" | "to", seconds: string | undefined): Partial<Record<"from" | "to", Date>> {
  if (seconds === undefined) return {};
  if (!/^\d{1,11}$/.test(seconds)) throw refused("bad_request", `${key}Date must be Unix seconds`);
  return { [key]: new Date(Number(seconds) * 1000) };
}

/** A whole number of the query, at most `max`; absent: the default. */
export function naturalOf(text: string | undefined, fallback: number, max: number): number {
  if (text === undefined) return fallback;
  if (!/^\d{1,15}$/.test(text)) throw refused("bad_request", `"${text}" is not a whole number`);
  return Math.min(Number(text), max);
}
