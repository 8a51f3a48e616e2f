/** Queues, runners and metrics through the API, on both databases. */
import assert from "node:assert/strict";
import * as v from "valibot";
import { bodyOf, onEveryServer, type TestServer } from "../../support/server.ts";
import { addRunner, claimNow, type DispatchBench, STARTED, tell } from "../../support/dispatch.ts";
import { newFakeClock } from "../../support/fake-clock.ts";
import type { RunnerRow } from "../../../src/server/store/runners.ts";

interface Bench {
  readonly bench: DispatchBench;
  readonly runner: RunnerRow;
}

async function withRunner(server: TestServer): Promise<Bench> {
  const bench = { ...server, time: newFakeClock() };
  return { bench, runner: await addRunner(bench) };
}

const SPEC = "steps: [{id: a, run: x}]";

async function enqueue(server: TestServer, name: string, queue = "line"): Promise<void> {
  await bodyOf(
    await server.request("POST", "/api/v1/dag-runs/enqueue", {
      body: { spec: SPEC, name, dagRunId: name, queue },
    }),
  );
}

async function claimed({ bench, runner }: Bench, free: number): Promise<string[]> {
  return (await claimNow(bench, runner, { free })).attempts.map((grant) => grant.run.name);
}

const Queues = v.object({
  queues: v.array(v.object({ name: v.string(), runningCount: v.number(), queuedCount: v.number() })),
  summary: v.object({ totalRunning: v.number(), totalQueued: v.number(), totalCapacity: v.number() }),
});

onEveryServer("AP-90 AP-92 a queue tells what runs and what waits, the next one first", async (server) => {
  const on = await withRunner(server);
  for (const name of ["one", "two", "three"]) await enqueue(server, name);
  assert.deepEqual(await claimed(on, 3), ["one"]);
  const { queues, summary } = v.parse(Queues, await bodyOf(await server.request("GET", "/api/v1/queues")));
  assert.deepEqual(queues, [{ name: "line", runningCount: 1, queuedCount: 2 }]);
  assert.deepEqual(summary, { totalRunning: 1, totalQueued: 2, totalCapacity: 1 });
  const Items = v.object({
    items: v.array(v.object({ name: v.string() })),
    nextCursor: v.optional(v.string()),
  });
  const page = async (query: string): Promise<v.InferOutput<typeof Items>> =>
    v.parse(Items, await bodyOf(await server.request("GET", `/api/v1/queues/line/items${query}`)));
  assert.deepEqual(await page("?limit=1"), { items: [{ name: "two" }], nextCursor: "1" });
  assert.deepEqual(await page("?limit=1&cursor=1"), { items: [{ name: "three" }] });
  assert.equal((await server.request("GET", "/api/v1/queues/line/items?limit=0")).status, 400);
  assert.equal((await server.request("GET", "/api/v1/queues/nothing")).status, 404);
});

onEveryServer("QU-20 a queued run tells what it waits for", async (server) => {
  const Told = v.array(
    v.object({ type: v.string(), status: v.string(), reason: v.string(), message: v.string() }),
  );
  const told = async (name: string): Promise<string[]> => {
    const { dagRunDetails } = await bodyOf(await server.request("GET", `/api/v1/dag-runs/${name}/${name}`));
    return v.parse(v.optional(Told, []), Object(dagRunDetails).conditions)
      .filter(({ status }) => status !== "True").map(({ type, reason }) => `${type} ${reason}`);
  };
  await enqueue(server, "one");
  assert.deepEqual(await told("one"), [
    "WorkerReady NoAvailableWorker",
    "WorkerAssignmentReady AssignmentUnavailable",
    "Runnable NoAvailableWorker",
  ]);
  const on = await withRunner(server);
  assert.deepEqual(await claimed(on, 0), []);
  await enqueue(server, "two");
  assert.deepEqual(await claimed(on, 1), ["one"]);
  assert.deepEqual(await told("one"), []);
  assert.deepEqual((await told("two"))[0], "ConcurrencyReady MaxConcurrencyReached");
  await bodyOf(await server.request("POST", "/api/v1/queues/line/pause"));
  const { items } = await bodyOf(await server.request("GET", "/api/v1/queues/line/items"));
  assert.match(JSON.stringify(items), /"QueueReady","status":"False".*"message":"queue line is paused"/);
  const picky = `worker_selector: {gpu: "true"}\n${SPEC}`;
  const body = { spec: picky, name: "three", dagRunId: "three" };
  await bodyOf(await server.request("POST", "/api/v1/dag-runs", { body }));
  assert.deepEqual((await told("three")).at(-1), "Runnable NoMatchingWorker");
  const large = `resources: {limits: {cpu: "16", memory: 1Gi}}\n${SPEC}`;
  await bodyOf(
    await server.request("POST", "/api/v1/dag-runs", { body: { spec: large, name: "big", dagRunId: "big" } }),
  );
  await claimNow(on.bench, on.runner, { free: 1, resources: { cpu: 8 } });
  assert.deepEqual((await told("big")).at(-1), "Runnable NoAvailableWorker");
  const { runners } = await bodyOf(await server.request("GET", "/api/v1/runners"));
  assert.match(JSON.stringify(runners), /"resources":\{"cpu":8\}/);
  const page = await (await server.request("GET", "/runners")).text();
  assert.match(page, /8 cores left/);
  await enqueue(server, "four", "empty");
  await claimNow(on.bench, on.runner, { free: 0 });
  assert.deepEqual((await told("four")).at(-1), "Runnable NoAvailableWorker");
});

onEveryServer("AP-93 INV-13 a queue is as wide as it was set to be", async (server) => {
  const on = await withRunner(server);
  const width = async (maxConcurrency: number | null): Promise<void> => {
    await bodyOf(await server.request("PATCH", "/api/v1/queues/line", { body: { maxConcurrency } }));
  };
  await width(2);
  for (const name of ["one", "two", "three", "four"]) await enqueue(server, name);
  assert.deepEqual(await claimed(on, 4), ["one", "two"]);
  await width(1);
  assert.deepEqual(await claimed(on, 4), [], "a narrower queue stops no run, and gives none");
  await width(3);
  assert.deepEqual(await claimed(on, 4), ["three"]);
  for (const wrong of [0, 1.5, "2"]) {
    const answer = await server.request("PATCH", "/api/v1/queues/line", { body: { maxConcurrency: wrong } });
    assert.equal(answer.status, 400, String(wrong));
  }
  const endless = await server.request("POST", `/api/v1/queues/${"q".repeat(256)}/pause`);
  assert.equal(endless.status, 400, "a name that no queue can have");
  assert.equal((await server.request("DELETE", "/api/v1/queues/line")).status, 204);
  assert.equal((await server.request("DELETE", "/api/v1/queues/line")).status, 404);
});

onEveryServer("QU-17 AP-94 a paused queue gives nothing and takes everything", async (server) => {
  const on = await withRunner(server);
  await bodyOf(await server.request("POST", "/api/v1/queues/line/pause"));
  await enqueue(server, "one");
  assert.deepEqual(await claimed(on, 2), []);
  await bodyOf(
    await server.request("POST", "/api/v1/dag-runs", { body: { spec: SPEC, name: "direct" } }),
  );
  assert.deepEqual(await claimed(on, 2), ["direct"], "a start waits for no slot");
  await bodyOf(await server.request("POST", "/api/v1/queues/line/resume"));
  assert.deepEqual(await claimed(on, 2), ["one"]);
});

onEveryServer("AP-96 a drained runner takes nothing until it is resumed", async (server) => {
  const on = await withRunner(server);
  await enqueue(server, "one");
  const { name } = await bodyOf(await server.request("POST", `/api/v1/runners/${on.runner.id}/drain`));
  assert.deepEqual(await claimed(on, 1), []);
  const Runners = v.object({ runners: v.array(v.object({ state: v.string(), held: v.boolean() })) });
  const { runners } = v.parse(Runners, await bodyOf(await server.request("GET", "/api/v1/runners")));
  assert.deepEqual(runners, [{ state: "draining", held: true }]);
  await bodyOf(await server.request("POST", `/api/v1/runners/${encodeURIComponent(String(name))}/resume`));
  assert.deepEqual(await claimed(on, 1), ["one"]);
  assert.equal((await server.request("POST", "/api/v1/runners/nobody/drain")).status, 404);
});

onEveryServer(
  "RS-05 AP-96 what a revoked runner executed has failed",
  async (server) => {
    const on = await withRunner(server);
    await enqueue(server, "one");
    const [grant] = (await claimNow(on.bench, on.runner)).attempts;
    assert.ok(grant);
    await tell(on.bench, on.runner, grant, 1, [STARTED]);
    await bodyOf(await server.request("POST", `/api/v1/runners/${on.runner.id}/revoke`));
    const { dagRunDetails } = v.parse(
      v.object({ dagRunDetails: v.object({ statusLabel: v.string(), reason: v.string() }) }),
      await bodyOf(await server.request("GET", "/api/v1/dag-runs/one/one")),
    );
    assert.deepEqual(dagRunDetails, { statusLabel: "failed", reason: "runner_lost" });
    const Runners = v.object({ runners: v.array(v.object({ state: v.string() })) });
    const { runners } = v.parse(Runners, await bodyOf(await server.request("GET", "/api/v1/runners")));
    assert.deepEqual(runners, [{ state: "revoked" }]);
  },
);

onEveryServer("AP-98 OB-02 metrics tell depth and age of queues, and who works", async (server) => {
  const on = await withRunner(server);
  await enqueue(server, "one");
  await enqueue(server, "two");
  await enqueue(server, "odd", 'a "queue"\\');
  await claimNow(on.bench, on.runner);
  const response = await server.request("GET", "/api/v1/metrics");
  assert.match(response.headers.get("Content-Type") ?? "", /^text\/plain; version=0\.0\.4/);
  const text = await response.text();
  for (
    const line of [
      "dagu_dag_runs_currently_running 1",
      'dagu_queue_depth{queue="line"} 1',
      'dagu_slots{queue="line",state="taken"} 1',
      `dagu_worker_health_status{worker_id="${on.runner.id}",status="healthy"} 1`,
    ]
  ) assert.ok(text.includes(`\n${line}\n`), `${line} in\n${text}`);
  assert.match(text, /^dagu_queue_oldest_seconds\{queue="line"\} [0-9.]+$/m);
  for (const line of text.trim().split("\n")) {
    assert.match(line, /^(# (HELP|TYPE) dagu_\w+ .+|dagu_\w+(\{(\w+="([^"\\]|\\.)*",?)+\})? -?[0-9.e+]+)$/);
  }
});

onEveryServer("AP-94 QU-13 a run is enqueued with a priority, and moved while it waits", async (server) => {
  const spec = 'steps: [{id: a, run: "true"}]';
  await bodyOf(await server.request("POST", "/api/v1/dags", { body: { name: "job", spec } }), 201);
  const enqueue = async (dagRunId: string, body: Record<string, unknown>, status = 200): Promise<void> => {
    const path = "/api/v1/dags/job/enqueue";
    await bodyOf(await server.request("POST", path, { body: { dagRunId, ...body } }), status);
  };
  await enqueue("a", {});
  await enqueue("b", { priority: 3 });
  await enqueue("c", { priority: 9 });
  for (const priority of [-1, 10, 1.5, "1"]) await enqueue("d", { priority }, 400);
  const order = async (): Promise<unknown[]> => {
    const { items } = await bodyOf(await server.request("GET", "/api/v1/queues/job/items"));
    assert.ok(Array.isArray(items));
    return items.map((item) => item.dagRunId);
  };
  assert.deepEqual(await order(), ["b", "a", "c"]);
  const move = (dagRunId: string, body: Record<string, unknown>): Promise<Response> =>
    server.request("POST", `/api/v1/queues/job/items/${dagRunId}/move`, { body });
  await bodyOf(await move("c", { priority: 0 }));
  assert.deepEqual(await order(), ["c", "b", "a"]);
  await bodyOf(await move("a", { priority: 2, name: "job" }));
  assert.deepEqual(await order(), ["c", "a", "b"]);
  await bodyOf(await move("a", { priority: 2, name: "other" }), 404);
  await bodyOf(await move("z", { priority: 2 }), 404);
  await bodyOf(await move("a", { priority: 11 }), 400);
});
