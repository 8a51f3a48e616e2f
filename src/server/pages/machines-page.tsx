/** The pages of queues and runners, and what people change there. */
import { Hono } from "hono";
import * as v from "valibot";
import { EngineFacts } from "../../protocol/messages.ts";
import { resourcesOf } from "../http/runner-resources.ts";
import { healthOf } from "../http/api/access.ts";
import { refused } from "../http/answer.ts";
import { readForm } from "../http/form.ts";
import type { GuardVariables } from "../http/guard.ts";
import { toSummary } from "../http/shapes.ts";
import type { ServerPorts } from "../ports.ts";
import { listQueues, type QueueFacts, runningIn, saveQueue, waitingIn } from "../store/queue-settings.ts";
import { findRunner, holdRunner, type ListedRunner, listRunners } from "../store/runners.ts";
import { QueuesPage, RunnersPage, type ShownQueue, type ShownRunner } from "./machines.tsx";
import { render } from "./render.tsx";

const WAITING_SHOWN = 5;
const Labels = v.record(v.string(), v.string());

/** Mounted at `/`. */
export function machinePages(ports: ServerPorts): Hono<{ Variables: GuardVariables }> {
  const app = new Hono<{ Variables: GuardVariables }>();

  app.get("/queues", async (c) => {
    const queues = await listQueues(ports.db);
    return render(c, <QueuesPage queues={await Promise.all(queues.map((queue) => shown(ports, queue)))} />);
  });

  app.post("/queues/:name", async (c) => {
    const paused = (await readForm(c)).get("paused") === "yes";
    const [queue] = await listQueues(ports.db, c.req.param("name"));
    if (queue === undefined) throw refused("not_found", `there is no queue "${c.req.param("name")}"`);
    await saveQueue(ports.db, queue.name, { paused }, new Date(ports.clock.now()));
    ports.wake.notify("ready");
    return c.redirect("/queues", 303);
  });

  app.get("/runners", async (c) => {
    const now = ports.clock.now();
    const runners = await listRunners(ports.db, now);
    return render(c, <RunnersPage runners={runners.map((row) => toShown(row, now))} />);
  });

  app.post("/runners/:id", async (c) => {
    const held = (await readForm(c)).get("held") === "yes";
    const runner = await findRunner(ports.db, c.req.param("id"));
    if (runner === null || runner === "ambiguous") {
      throw refused("not_found", `there is no runner "${c.req.param("id")}"`);
    }
    await holdRunner(ports.db, runner.id, held);
    ports.wake.notify("ready");
    return c.redirect("/runners", 303);
  });

  return app;
}

async function shown(ports: ServerPorts, queue: QueueFacts): Promise<ShownQueue> {
  const holding = queue.running === 0 ? [] : await runningIn(ports.db, queue.name);
  const waiting = queue.queued === 0 ? [] : await waitingIn(ports.db, queue.name, 0, WAITING_SHOWN);
  return { ...queue, holding: holding.map(toSummary), waiting: waiting.map(toSummary) };
}

function toShown(row: ListedRunner, now: number): ShownRunner {
  return {
    id: row.id,
    name: row.name,
    state: row.state,
    health: healthOf(row, now),
    held: row.held,
    labels: v.is(Labels, row.labels)
      ? Object.entries(row.labels).map(([key, value]) => `${key}=${value}`)
      : [],
    version: row.version,
    busy: Math.max(0, row.capacity - (row.free ?? row.capacity)),
    capacity: row.capacity,
    left: resourcesOf(row),
    lastSeenAt: row.lastSeenAt?.toISOString() ?? "",
    engine: v.is(EngineFacts, row.engine) ? row.engine : null,
  };
}
