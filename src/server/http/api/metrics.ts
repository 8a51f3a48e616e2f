/** `GET /metrics` (10.1): gauges in the text format of Prometheus, asked of the database at most every ten seconds (OB-01). */
import { Hono } from "hono";
import type { ServerPorts } from "../../ports.ts";
import type { ServerSettings } from "../../settings.ts";
import { statusBacklog } from "../../store/commit-statuses.ts";
import { readGauges } from "../../store/gauges.ts";
import { listQueues } from "../../store/queue-settings.ts";
import { listRunners } from "../../store/runners.ts";
import type { GuardVariables } from "../guard.ts";
import { healthOf, takesRuns } from "./access.ts";

const KEPT_MS = 10_000;

interface Sample {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

export function metricsRoutes(
  ports: ServerPorts,
  settings: ServerSettings,
): Hono<{ Variables: GuardVariables }> {
  const app = new Hono<{ Variables: GuardVariables }>();
  let kept: { readonly text: string; readonly at: number } | null = null;
  app.get("/metrics", async (c) => {
    const now = ports.clock.mono();
    if (kept === null || now - kept.at >= KEPT_MS) kept = { text: await collect(ports, settings), at: now };
    return c.text(kept.text, 200, { "Content-Type": "text/plain; version=0.0.4; charset=utf-8" });
  });
  return app;
}

async function collect(ports: ServerPorts, settings: ServerSettings): Promise<string> {
  const now = ports.clock.now();
  const gauges = await readGauges(ports.db, new Date(now));
  const statuses = await statusBacklog(ports.db, new Date(now));
  const queues = await listQueues(ports.db);
  const runners = await listRunners(ports.db, now);
  const running = Object.values(gauges.live).reduce((sum, count) => sum + count, 0);
  const ofQueues = (value: (queue: typeof queues[number]) => number): Sample[] =>
    queues.map((queue) => ({ labels: { queue: queue.name }, value: value(queue) }));
  const ofRunners = (value: (runner: typeof runners[number]) => number): Sample[] =>
    runners.map((runner) => ({ labels: { worker_id: runner.id }, value: value(runner) }));
  const free = (runner: typeof runners[number]): number => runner.free ?? runner.capacity;
  // A fleet is scaled by idle places: those of a runner that takes nothing are none.
  const idle = (runner: typeof runners[number]): number => takesRuns(runner, now) ? free(runner) : 0;
  return [
    gauge("dagu_info", "The control plane.", [{ labels: { version: settings.version }, value: 1 }]),
    gauge("dagu_dags_total", "Definitions that are stored.", [{ value: gauges.workflows }]),
    gauge("dagu_dag_runs_currently_running", "Runs that a runner holds.", [{ value: running }]),
    gauge("dagu_dag_runs_queued_total", "Runs that wait for a runner.", [{ value: gauges.queued }]),
    gauge("dagu_dag_runs_claimable", "Of these, those whose time has come.", [{ value: gauges.claimable }]),
    gauge(
      "dagu_leases",
      "Attempts that are held, by state.",
      Object.entries(gauges.live).map(([state, value]) => ({ labels: { state }, value })),
    ),
    gauge("dagu_schedules_due", "Schedules that the next tick looks at.", [{ value: gauges.schedulesDue }]),
    gauge("dagu_outbox_pending", "What others are still to be told.", [
      { labels: { kind: "status" }, value: statuses.pending },
    ]),
    gauge("dagu_outbox_oldest_seconds", "For how long the oldest of it could not be told.", [
      { labels: { kind: "status" }, value: statuses.failingSeconds },
    ]),
    gauge("dagu_queue_depth", "Runs that wait for a slot of the queue.", ofQueues((queue) => queue.queued)),
    gauge(
      "dagu_queue_oldest_seconds",
      "How long the first of them has waited.",
      ofQueues(({ oldestAt }) => oldestAt === null ? 0 : Math.max(0, (now - oldestAt.getTime()) / 1_000)),
    ),
    gauge("dagu_slots", "Places of the queue.", [
      ...queues.map((queue) => ({ labels: { queue: queue.name, state: "taken" }, value: queue.running })),
      ...queues.flatMap((queue) =>
        queue.maxConcurrency === null ? [] : [{
          labels: { queue: queue.name, state: "free" },
          value: Math.max(0, queue.maxConcurrency - queue.running),
        }]
      ),
    ]),
    gauge("dagu_workers_registered", "Runners.", [{ value: runners.length }]),
    gauge(
      "dagu_worker_info",
      "Labels of runners.",
      runners.flatMap(({ id, labels }) =>
        Object.entries(typeof labels === "object" ? { ...labels } : {}).map(([name, value]) => ({
          labels: { worker_id: id, label_name: name, label_value: String(value) },
          value: 1,
        }))
      ),
    ),
    gauge(
      "dagu_worker_heartbeat_timestamp_seconds",
      "When the runner was heard last.",
      ofRunners(({ lastSeenAt }) => (lastSeenAt?.getTime() ?? 0) / 1_000),
    ),
    gauge(
      "dagu_worker_health_status",
      "1 for the state that the runner is in.",
      runners.flatMap((runner) =>
        (["healthy", "warning", "unhealthy"] as const).map((status) => ({
          labels: { worker_id: runner.id, status },
          value: healthOf(runner, now) === status ? 1 : 0,
        }))
      ),
    ),
    gauge("dagu_worker_pollers", "Places of the runner.", [
      ...runners.map((one) => ({ labels: { worker_id: one.id, state: "idle" }, value: idle(one) })),
      ...runners.map((one) => ({
        labels: { worker_id: one.id, state: "busy" },
        value: Math.max(0, one.capacity - free(one)),
      })),
    ]),
  ].join("");
}

function gauge(name: string, help: string, samples: readonly Sample[]): string {
  const lines = samples.map(({ labels = {}, value }) => {
    const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escape(text)}"`).join(",");
    return `${name}${pairs === "" ? "" : `{${pairs}}`} ${value}\n`;
  });
  return `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${lines.join("")}`;
}

/** Label values, as the text format wants them. */
function escape(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
