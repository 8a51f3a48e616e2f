import assert from "node:assert/strict";
import { POLL_MS, type Wake } from "../../../src/server/ports.ts";
import { declineAttempt } from "../../../src/server/dispatch/leave.ts";
import {
  addRunner,
  callerOf,
  claimNow,
  claimOne,
  onEveryDatabase,
  queueRun,
  readRun,
} from "../../support/dispatch.ts";
import { STARTED, SUCCEEDED, tell } from "../../support/dispatch.ts";

onEveryDatabase("TX-02 CL-06 eight claimers at once take each of 500 runs exactly once", async (bench) => {
  const queued = new Set<string>();
  await Promise.all(Array.from({ length: 500 }, async () => queued.add((await queueRun(bench)).dagRunId)));
  const claimed: string[] = [];
  await Promise.all(Array.from({ length: 8 }, async () => {
    const runner = await addRunner(bench);
    while (claimed.length < queued.size) {
      const { attempts } = await claimNow(bench, runner, { free: 7 });
      claimed.push(...attempts.map((grant) => grant.run.dagRunId));
      // PGlite answers without leaving the microtask queue: a claimer that finds nothing must let the others go on.
      await bench.time.advance(0);
    }
  }));
  assert.equal(claimed.length, 500);
  assert.deepEqual(new Set(claimed), queued);
});

onEveryDatabase("QU-13 a thousand runs go by priority, then by age", async (bench) => {
  const runner = await addRunner(bench);
  for (let batch = 0; batch < 10; batch++) {
    await Promise.all(
      Array.from(
        { length: 100 },
        (_, n) => queueRun(bench, { dagRunId: `b${batch}-${n}`, priority: n % 2 === 0 ? 5 : 1 }),
      ),
    );
    await bench.time.advance(1_000);
  }
  const order: string[] = [];
  while (order.length < 1_000) {
    const { attempts } = await claimNow(bench, runner, { free: 50 });
    assert.equal(attempts.length, 50);
    order.push(...attempts.map((grant) => grant.run.dagRunId).sort());
  }
  const keys = order.map((id) => `${Number(id.split("-")[1]) % 2 === 0 ? 5 : 1} ${id.split("-")[0]}`);
  assert.deepEqual(keys, keys.toSorted());
});

onEveryDatabase("CL-09 a repeated claim answers the same attempts with the same tokens", async (bench) => {
  const runner = await addRunner(bench);
  await queueRun(bench);
  await queueRun(bench);
  const claimId = bench.ports.ids.uuid();
  const first = await claimNow(bench, runner, { claimId });
  const again = await claimNow(bench, runner, { claimId });
  assert.equal(first.attempts.length, 1);
  assert.deepEqual(again.attempts, first.attempts);
});

onEveryDatabase(
  "CL-09 copies of one claim that arrive at once take no more than it asked for",
  async (bench) => {
    const runner = await addRunner(bench);
    await Promise.all(Array.from({ length: 20 }, () => queueRun(bench)));
    const claimId = bench.ports.ids.uuid();
    const replies = await Promise.all(
      Array.from({ length: 6 }, () => claimNow(bench, runner, { claimId, free: 2 })),
    );
    const attempts = new Set(replies.flatMap((reply) => reply.attempts.map((grant) => grant.attemptId)));
    assert.equal(attempts.size, 2);
  },
);

onEveryDatabase("M3 another runner's claim of the same id is another claim", async (bench) => {
  const [one, other] = [await addRunner(bench), await addRunner(bench)];
  await queueRun(bench);
  const claimId = bench.ports.ids.uuid();
  assert.equal((await claimNow(bench, one, { claimId })).attempts.length, 1);
  assert.equal((await claimNow(bench, other, { claimId })).attempts.length, 0);
});

onEveryDatabase("QU-01 never more runs of a queue at once than it is wide", async (bench) => {
  const text = 'max_active_runs: 3\nsteps: [{id: a, run: "true"}]';
  const definition = { text, name: "wide" };
  for (let n = 0; n < 12; n++) await queueRun(bench, { definition, needsSlot: true });
  const runners = await Promise.all(Array.from({ length: 4 }, () => addRunner(bench)));
  let done = 0;
  while (done < 12) {
    const replies = await Promise.all(runners.map((runner) => claimNow(bench, runner, { free: 4 })));
    const running = replies.flatMap((reply, n) => reply.attempts.map((grant) => ({ grant, n })));
    assert.ok(running.length > 0 && running.length <= 3, `${running.length} at once`);
    for (const { grant, n } of running) {
      const runner = runners[n];
      assert.ok(runner);
      assert.ok((await tell(bench, runner, grant, 1, [STARTED, SUCCEEDED])).ok);
      done++;
    }
  }
});

onEveryDatabase("QU-01 QU-02 start ignores the width of the queue", async (bench) => {
  const runner = await addRunner(bench);
  await queueRun(bench, { needsSlot: true });
  await queueRun(bench, { needsSlot: true });
  await queueRun(bench, { needsSlot: false });
  const { attempts } = await claimNow(bench, runner, { free: 5 });
  assert.equal(attempts.length, 2);
});

onEveryDatabase("QU-01 a full queue does not hold up the others", async (bench) => {
  const runner = await addRunner(bench);
  for (let n = 0; n < 5; n++) await queueRun(bench, { needsSlot: true, queue: "full" });
  await queueRun(bench, { needsSlot: true, queue: "idle", priority: 9 });
  const { attempts } = await claimNow(bench, runner, { free: 2 });
  assert.deepEqual(attempts.map((grant) => grant.run.queue), ["full", "idle"]);
});

const LABEL_CASES: [
  name: string,
  selector: Record<string, string>,
  labels: Record<string, string>,
  want: number,
][] = [
  ["no selector, no labels", {}, {}, 1],
  ["selector that the runner has", { zone: "a" }, { zone: "a", gpu: "1" }, 1],
  ["selector with another value", { zone: "a" }, { zone: "b" }, 0],
  ["selector that the runner lacks", { zone: "a" }, {}, 0],
  ["two of which one holds", { zone: "a", gpu: "1" }, { zone: "a" }, 0],
  ["an exclusive label that is not selected", {}, { "!gpu": "1" }, 0],
  ["an exclusive label that is selected", { gpu: "1" }, { "!gpu": "1" }, 1],
  ["a label that stands for any value", { zone: "a" }, { zone: "*" }, 1],
  ["the same, and another that it lacks", { zone: "a", gpu: "1" }, { zone: "*" }, 0],
  ["an exclusive one of any value that is not selected", {}, { "!gpu": "*" }, 0],
  ["an exclusive one of any value that is selected", { gpu: "2" }, { "!gpu": "*" }, 1],
];
onEveryDatabase("M3 a run goes to runners that have every label of its selector", async (bench) => {
  for (const [name, selector, labels, want] of LABEL_CASES) {
    const run = await queueRun(bench, { selector });
    const runner = await addRunner(bench);
    const { attempts } = await claimNow(bench, runner, { labels });
    assert.equal(attempts.length, want, name);
    if (want === 0) {
      const sweeper = await addRunner(bench);
      await claimNow(bench, sweeper, { labels: selector });
    }
    assert.equal((await readRun(bench, run.id)).word, "not_started", name);
  }
});

onEveryDatabase("FK-02 untrusted runs go only to runners that accept them", async (bench) => {
  await queueRun(bench, { trust: "untrusted" });
  assert.equal((await claimNow(bench, await addRunner(bench))).attempts.length, 0);
  const willing = await addRunner(bench);
  assert.equal(
    (await claimNow(bench, willing, { labels: { "accept-untrusted": "true" } })).attempts.length,
    1,
  );
});

onEveryDatabase("M1 what a registration token fixes the runner cannot say otherwise", async (bench) => {
  await queueRun(bench, { selector: { zone: "secret" } });
  const fixed = await addRunner(bench, { zone: "public" });
  for (const labels of [{ zone: "secret" }, { zone: "public", "!zone": "secret" }, { "!zone": "*" }]) {
    assert.deepEqual((await claimNow(bench, fixed, { labels })).attempts, [], JSON.stringify(labels));
  }
  await queueRun(bench, { selector: { zone: "public" } });
  const own = { zone: "public", "!zone": "public" };
  assert.equal((await claimNow(bench, fixed, { labels: own })).attempts.length, 1, "it may say the same");
});

onEveryDatabase("QU-15 CL-06 a waiting claim is woken by a new run, not by its timer", async (bench) => {
  const isWaiting = Promise.withResolvers<void>();
  const isReady = Promise.withResolvers<boolean>();
  const wake: Wake = {
    pollMs: POLL_MS,
    notify: (topic) => topic === "ready" && isReady.resolve(true),
    wait: () => {
      isWaiting.resolve();
      return isReady.promise;
    },
  };
  const ports = { ...bench.ports, wake };
  const runner = await addRunner(bench);
  const waiting = claimNow({ ...bench, ports }, runner, { waitMs: 20_000 });
  await isWaiting.promise;
  await queueRun({ ...bench, ports });
  assert.equal((await waiting).attempts.length, 1);
});

onEveryDatabase("CL-06 a claim for nothing returns after its time", async (bench) => {
  const runner = await addRunner(bench);
  const waited: number[] = [];
  const wake: Wake = {
    pollMs: POLL_MS,
    notify: () => {},
    wait: async (_topics, ms) => {
      waited.push(ms);
      await bench.time.advance(ms);
      return false;
    },
  };
  const { attempts } = await claimNow({ ...bench, ports: { ...bench.ports, wake } }, runner, {
    waitMs: 7_000,
  });
  assert.deepEqual(attempts, []);
  assert.equal(Math.round(waited.reduce((sum, ms) => sum + ms, 0)), 7_000);
  assert.ok(waited.every((ms) => ms <= 3_600), "it polls at least every 3 s, jittered by a fifth");
});

onEveryDatabase("M3 the grant carries definition, parameters and inputs as stored", async (bench) => {
  const text = 'params: {WHO: you}\nlabels: [x=1]\nsteps: [{id: a, run: "echo ${WHO}"}]';
  await queueRun(bench, {
    definition: { text, name: "full" },
    params: { kind: "json", json: '{"WHO":"me"}' },
    env: { A: "ä" },
    inputs: [{ name: "WEBHOOK_PAYLOAD", bytes: new TextEncoder().encode("{}") }],
  });
  const grant = await claimOne(bench, await addRunner(bench));
  assert.equal(grant.definition.yaml, text);
  assert.deepEqual(grant.params.values, { WHO: "me" });
  assert.deepEqual(grant.env, { A: "ä" });
  assert.deepEqual(grant.inputs.map(({ name, sizeBytes }) => [name, sizeBytes]), [["WEBHOOK_PAYLOAD", 2]]);
  assert.equal(grant.fence, 1);
});

onEveryDatabase(
  "INV-12 a clock that was set back holds up no run that was queued without a delay",
  async (bench) => {
    const runner = await addRunner(bench);
    await queueRun(bench);
    const clock = { ...bench.ports.clock, now: () => bench.time.clock.now() - 3_600_000 };
    const setBack = { ...bench, ports: { ...bench.ports, clock } };
    assert.equal((await claimNow(setBack, runner)).attempts.length, 1);
  },
);

const MINUTE_MS = 60_000;

onEveryDatabase(
  "QU-13 CL-02 ten minutes of waiting are worth one step of priority, up to 2",
  async (bench) => {
    const add = (dagRunId: string, priority: number) => queueRun(bench, { dagRunId, priority });
    await add("old-9", 9);
    await bench.time.advance(41 * MINUTE_MS);
    await add("new-5", 5);
    await add("new-2", 2);
    await bench.time.advance(30 * MINUTE_MS);
    await add("late-2", 2);
    await add("late-1", 1);
    await add("late-0", 0);
    const runner = await addRunner(bench);
    const order: string[] = [];
    for (let n = 0; n < 6; n++) order.push((await claimOne(bench, runner)).run.dagRunId);
    assert.deepEqual(order, ["late-0", "late-1", "new-2", "old-9", "new-5", "late-2"]);
  },
);

onEveryDatabase("RT-08 INV-12 who gave a run back gets it again when nobody else is there", async (bench) => {
  const runner = await addRunner(bench);
  await queueRun(bench);
  const decline = async (fence: number): Promise<void> => {
    const grant = await claimOne(bench, runner);
    const request = { fence, reason: "resource_shortage" as const };
    const outcome = await declineAttempt(bench.ports, await callerOf(runner, grant), request);
    assert.deepEqual(outcome, { ok: true, outcome: "requeued" });
    await bench.time.advance(MINUTE_MS);
  };
  await decline(1);
  await decline(2);
  const other = await addRunner(bench);
  await claimNow(bench, other, { free: 0 });
  assert.deepEqual((await claimNow(bench, runner)).attempts, [], "another one was just heard of");
  await bench.time.advance(2 * MINUTE_MS);
  assert.equal((await claimOne(bench, runner)).fence, 3, "it is not heard of any more");
});
