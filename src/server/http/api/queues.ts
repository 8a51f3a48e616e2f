/** Queues (AP-90 to AP-94): what waits, what runs, how wide they are. */
import { Hono } from "hono";
import * as v from "valibot";
import type { ServerPorts } from "../../ports.ts";
import {
  deleteQueue,
  listQueues,
  type QueueFacts,
  runningIn,
  saveQueue,
  waitingIn,
} from "../../store/queue-settings.ts";
import { QUEUE_WIDTH_MAX } from "../../store/queue.ts";
import { moveRun } from "../../dispatch/move.ts";
import { refused, unwrap, valid } from "../answer.ts";
import { readConditions } from "../conditions.ts";
import type { GuardVariables } from "../guard.ts";
import { toSummary } from "../shapes.ts";
import { Priority } from "./dags.ts";

const Name = v.pipe(v.string(), v.minLength(1), v.maxLength(255));
const Width = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(QUEUE_WIDTH_MAX));
const Rate = v.object({
  limit: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1_000)),
  periodSec: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(86_400)),
});
const ChangeBody = v.object({
  maxConcurrency: v.optional(v.nullable(Width)),
  paused: v.optional(v.boolean()),
  rateLimit: v.optional(v.nullable(Rate)),
});
const MoveBody = v.object({
  priority: Priority,
  /** Of its workflow; absent: whichever has a run of that id there. */
  name: v.optional(v.nullable(v.string()), null),
});
const CreateBody = v.object({ name: Name, ...ChangeBody.entries });

const Limit = v.pipe(v.string(), v.regex(/^\d{1,3}$/), v.transform(Number), v.minValue(1), v.maxValue(500));
const Cursor = v.pipe(v.string(), v.regex(/^\d{1,9}$/), v.transform(Number));
const ItemsQuery = v.object({ limit: v.optional(Limit, "100"), cursor: v.optional(Cursor, "0") });

/** Mounted at `/api/v1/queues`. */
export function queueRoutes(ports: ServerPorts): Hono<{ Variables: GuardVariables }> {
  const app = new Hono<{ Variables: GuardVariables }>();
  const change = async (name: string, body: v.InferOutput<typeof ChangeBody>): Promise<void> => {
    const { maxConcurrency, paused, rateLimit } = body;
    await saveQueue(ports.db, name, {
      ...(maxConcurrency === undefined ? {} : { maxConcurrency }),
      ...(paused === undefined ? {} : { paused }),
      ...(rateLimit === undefined ? {} : { rateLimit }),
    }, new Date(ports.clock.now()));
    ports.wake.notify("ready");
  };

  app.get("/", async (c) => {
    const queues = await listQueues(ports.db);
    return c.json({
      queues: await Promise.all(queues.map((queue) => toQueue(ports, queue))),
      summary: summaryOf(queues),
    });
  });

  app.post("/", async (c) => {
    const { name, ...body } = await valid(CreateBody, c);
    await change(name, body);
    return c.json(await toQueue(ports, await find(ports, name)), 201);
  });

  app.get("/:name", async (c) => c.json(await toQueue(ports, await find(ports, c.req.param("name")))));

  app.get("/:name/items", async (c) => {
    const parsed = v.safeParse(ItemsQuery, c.req.query());
    if (!parsed.success) {
      throw refused("bad_request", "limit must be 1 to 500, and cursor the nextCursor of an answer");
    }
    const { limit, cursor } = parsed.output;
    const { name } = await find(ports, c.req.param("name"));
    const rows = await waitingIn(ports.db, name, cursor, limit + 1);
    const page = rows.slice(0, limit);
    const conditions = await readConditions(ports, page);
    return c.json({
      items: page.map((run) => ({ ...toSummary(run), conditions: conditions.get(run.id) ?? [] })),
      ...(rows.length > limit ? { nextCursor: String(cursor + limit) } : {}),
    });
  });

  app.patch("/:name", async (c) => {
    const name = readName(c.req.param("name"));
    await change(name, await valid(ChangeBody, c));
    return c.json(await toQueue(ports, await find(ports, name)));
  });

  app.post("/:name/items/:dagRunId/move", async (c) => {
    const { priority, name } = await valid(MoveBody, c);
    const queue = c.req.param("name");
    const dagRunId = c.req.param("dagRunId");
    unwrap(await moveRun(ports, { queue, dagRunId, name, priority }));
    return c.json({ dagRunId, priority });
  });

  app.delete("/:name", async (c) => {
    if (!await deleteQueue(ports.db, c.req.param("name"))) throw missing(c.req.param("name"));
    return c.body(null, 204);
  });

  for (const [verb, paused] of [["pause", true], ["resume", false]] as const) {
    app.post(`/:name/${verb}`, async (c) => {
      const name = readName(c.req.param("name"));
      await change(name, { paused });
      return c.json(await toQueue(ports, await find(ports, name)));
    });
  }

  return app;
}

function readName(text: string): string {
  const name = v.safeParse(Name, text);
  if (!name.success) throw refused("bad_request", "the name of a queue has 1 to 255 characters");
  return name.output;
}

async function find(ports: ServerPorts, name: string): Promise<QueueFacts> {
  const [queue] = await listQueues(ports.db, name);
  if (queue === undefined) throw missing(name);
  return queue;
}

function missing(name: string): Error {
  return refused("not_found", `there is no queue "${name}": nothing is set, waits or runs in it`);
}

async function toQueue(ports: ServerPorts, queue: QueueFacts): Promise<Record<string, unknown>> {
  return {
    name: queue.name,
    type: queue.isSet ? "global" : "dag-based",
    ...(queue.maxConcurrency === null ? {} : { maxConcurrency: queue.maxConcurrency }),
    paused: queue.paused,
    ...(queue.rateLimit === null ? {} : { rateLimit: queue.rateLimit }),
    runningCount: queue.running,
    queuedCount: queue.queued,
    oldestQueuedAt: queue.oldestAt?.toISOString() ?? "",
    running: queue.running === 0 ? [] : (await runningIn(ports.db, queue.name)).map(toSummary),
  };
}

function summaryOf(queues: readonly QueueFacts[]): Record<string, number> {
  const sum = (of: (queue: QueueFacts) => number): number => queues.reduce((all, one) => all + of(one), 0);
  const totalRunning = sum((queue) => queue.running);
  const totalCapacity = sum((queue) => queue.maxConcurrency ?? 0);
  return {
    totalQueues: queues.length,
    totalRunning,
    totalQueued: sum((queue) => queue.queued),
    totalCapacity,
    utilizationPercentage: totalCapacity === 0 ? 0 : Math.round(totalRunning / totalCapacity * 100),
  };
}
