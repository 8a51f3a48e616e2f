/** Starts, queues, attempts and retries as the contract's sections 4.5 to 4.10 have them, on both databases. */
import assert from "node:assert/strict";
import type { Grant } from "../../../src/protocol/grant.ts";
import type { RunEventBody } from "../../../src/run/event.ts";
import { stopRun } from "../../../src/server/dispatch/cancel.ts";
import { startChild } from "../../../src/server/dispatch/children.ts";
import { dequeueNamed } from "../../../src/server/dispatch/dequeue.ts";
import { completeTask } from "../../../src/server/dispatch/human-tasks.ts";
import { retryRun } from "../../../src/server/dispatch/retry.ts";
import { startRun } from "../../../src/server/dispatch/start.ts";
import { setSuspended } from "../../../src/server/dispatch/suspend.ts";
import { publish } from "../../../src/server/definitions/publish.ts";
import { listAttempts } from "../../../src/server/store/attempts.ts";
import { listQueues, saveQueue } from "../../../src/server/store/queue-settings.ts";
import type { RunnerRow } from "../../../src/server/store/runners.ts";
import { updateRun } from "../../../src/server/store/runs.ts";
import { sha256 } from "../../../src/workflow/digest.ts";
import {
  addRunner,
  callerOf,
  claimNow,
  claimOne,
  type DispatchBench,
  ONE_STEP,
  onEveryDatabase,
  type QueuedRun,
  queueRun,
  readRun,
  STARTED,
  SUCCEEDED,
  tell,
} from "../../support/dispatch.ts";

const ASKING = "steps: [{id: a, action: human.task, with: {prompt: '?'}}]";
const SAVED = { author: "test", refuseProblems: true };
const FAILED: RunEventBody = {
  type: "attempt.finished",
  data: { status: "failed", error: { code: "COMMAND_FAILED", message: "exit code 1", remedy: "" } },
};

async function names(bench: DispatchBench, runner: RunnerRow, free = 9): Promise<string[]> {
  return (await claimNow(bench, runner, { free })).attempts.map((grant) => grant.run.name);
}

async function finish(bench: DispatchBench, runner: RunnerRow, grant: Grant, end = SUCCEEDED): Promise<void> {
  assert.ok((await tell(bench, runner, grant, 1, [STARTED, end])).ok);
}

async function retry(bench: DispatchBench, run: QueuedRun): ReturnType<typeof retryRun> {
  const { name, dagRunId } = run;
  return await retryRun(bench.ports, {
    name,
    dagRunId,
    scope: { kind: "failed" },
    choice: { selector: {} },
    root: { name, dagRunId },
  });
}

// ---- queues -----------------------------------------------------------------------------------------------------

onEveryDatabase(
  "QU-10 the request names the queue, else the definition, else the workflow",
  async (bench) => {
    const queueOf = async (text: string, queue?: string): Promise<string> => {
      const run = await queueRun(bench, {
        definition: { text, name: "w" },
        ...(queue === undefined ? {} : { queue }),
      });
      return (await readRun(bench, run.id)).queue;
    };
    assert.deepEqual(
      [
        await queueOf(ONE_STEP),
        await queueOf(`queue: own\n${ONE_STEP}`),
        await queueOf(`queue: own\n${ONE_STEP}`, "asked"),
      ],
      ["w", "own", "asked"],
    );
  },
);

onEveryDatabase(
  "QU-11 QU-12 a queue is as wide as it was set to be, else as its workflow says, else one",
  async (bench) => {
    const runner = await addRunner(bench);
    const enqueue = async (name: string, text = ONE_STEP): Promise<void> => {
      for (let n = 0; n < 3; n++) await queueRun(bench, { definition: { text, name }, needsSlot: true });
    };
    await enqueue("plain");
    assert.deepEqual(await names(bench, runner), ["plain"]);
    await enqueue("wide", `max_active_runs: 2\n${ONE_STEP}`);
    assert.deepEqual(await names(bench, runner), ["wide", "wide"]);
    await saveQueue(bench.ports.db, "set", { maxConcurrency: 1 }, new Date());
    await enqueue("set", `max_active_runs: 2\n${ONE_STEP}`);
    assert.deepEqual(await names(bench, runner), ["set"]);
  },
);

onEveryDatabase("QU-14 who waits for a person has no slot, and needs one to go on", async (bench) => {
  const runner = await addRunner(bench);
  const enqueue = (): Promise<QueuedRun> =>
    queueRun(bench, { definition: { text: ASKING, name: "w" }, needsSlot: true });
  const [first, other] = [await enqueue(), await enqueue()];
  const grant = await claimOne(bench, runner);
  assert.equal(grant.run.dagRunId, first.dagRunId);
  assert.deepEqual(await names(bench, runner), [], "the slot is taken");
  const asked: RunEventBody = {
    type: "step.waiting",
    step: "a",
    data: { kind: "human_task", prompt: "?", logs: { stdout: 0, stderr: 0 } },
  };
  const waits: RunEventBody = { type: "attempt.waiting", data: { steps: ["a"] } };
  assert.ok((await tell(bench, runner, grant, 1, [STARTED, asked, waits])).ok);
  assert.equal((await readRun(bench, first.id)).word, "waiting");
  const second = await claimOne(bench, runner);
  assert.equal(second.run.dagRunId, other.dagRunId, "the slot is free");
  const { name, dagRunId } = first;
  const task = { name, dagRunId, step: "a", choice: { selector: {} }, actor: "test" };
  assert.ok((await completeTask(bench.ports, task, {})).ok);
  assert.equal((await readRun(bench, first.id)).word, "queued");
  assert.deepEqual(await names(bench, runner), [], "and taken by the other");
  await finish(bench, runner, second);
  assert.deepEqual(await names(bench, runner), ["w"]);
});

onEveryDatabase("QU-21 what is taken out of a queue is kept, as aborted, with the reason", async (bench) => {
  const run = await queueRun(bench, { needsSlot: true });
  assert.ok((await dequeueNamed(bench.ports, run, null, "test")).ok);
  const { word, reason, failure } = await readRun(bench, run.id);
  assert.deepEqual([word, reason], ["aborted", "dequeued"]);
  assert.match(JSON.stringify(failure), /taken out of the queue by test/);
});

onEveryDatabase("QU-05 QU-23 a run keeps its slot for its sub-runs, which need none", async (bench) => {
  const runner = await addRunner(bench);
  await queueRun(bench, { definition: { text: ONE_STEP, name: "w" }, needsSlot: true });
  const grant = await claimOne(bench, runner);
  assert.ok((await tell(bench, runner, grant, 1, [STARTED])).ok);
  const child = await startChild(bench.ports, bench.settings, await callerOf(runner, grant), {
    fence: grant.fence,
    key: "a/0",
    step: "a",
    mode: "run",
    target: { kind: "text", name: "child", yaml: ONE_STEP },
    params: { kind: "none" },
    workerSelector: {},
    queue: null,
  });
  assert.ok(child.ok && child.reply.grant !== null, "it is given at once, though the queue is full");
  await queueRun(bench, { definition: { text: ONE_STEP, name: "w" }, needsSlot: true });
  assert.deepEqual(await names(bench, runner), [], "its parent has the slot");
});

// ---- attempts ---------------------------------------------------------------------------------------------------

onEveryDatabase(
  "AT-01 AT-02 AT-03 attempts are numbered from one, and one is live at most",
  async (bench) => {
    const runner = await addRunner(bench);
    const run = await queueRun(bench);
    await finish(bench, runner, await claimOne(bench, runner), FAILED);
    assert.ok((await retry(bench, run)).ok);
    const second = await claimOne(bench, runner);
    assert.equal(second.fence, 2);
    assert.deepEqual(await names(bench, runner), []);
    const attempts = await listAttempts(bench.ports.db, run.id);
    assert.deepEqual(attempts.map(({ fence, state }) => [fence, state]), [[1, "failed"], [2, "claimed"]]);
  },
);

onEveryDatabase("AT-05 a retry runs the definition that the run was made of", async (bench) => {
  const runner = await addRunner(bench);
  await publish(bench.ports, "w", ONE_STEP, SAVED);
  const run = await queueRun(bench, { definition: { fileName: "w" } });
  const first = await claimOne(bench, runner);
  await finish(bench, runner, first, FAILED);
  await publish(bench.ports, "w", 'steps: [{id: other, run: "true"}]', SAVED);
  assert.ok((await retry(bench, run)).ok);
  assert.equal((await claimOne(bench, runner)).definition.digest, first.definition.digest);
});

// ---- retries ----------------------------------------------------------------------------------------------------

const RETRIED = `retry_policy: {limit: 3, interval_sec: 10, backoff: 2, max_interval_sec: 30}\n${ONE_STEP}`;

onEveryDatabase(
  "RT-03 RT-04 CL-08 TX-07 each automatic retry waits longer, up to its bound, and is counted",
  async (bench) => {
    const runner = await addRunner(bench);
    const run = await queueRun(bench, { definition: { text: RETRIED, name: "w" } });
    for (const [count, delayMs] of [10_000, 20_000, 30_000].entries()) {
      await finish(bench, runner, await claimOne(bench, runner), FAILED);
      const { word, autoRetries, triggerType } = await readRun(bench, run.id);
      assert.deepEqual([word, autoRetries, triggerType], ["queued", count + 1, "retry"]);
      await bench.time.advance(delayMs - 1);
      assert.deepEqual(await names(bench, runner), [], `${delayMs} ms`);
      await bench.time.advance(1);
    }
    await finish(bench, runner, await claimOne(bench, runner), FAILED);
    assert.equal((await readRun(bench, run.id)).word, "failed");
    assert.ok((await retry(bench, run)).ok);
    const { autoRetries, triggerType } = await readRun(bench, run.id);
    assert.deepEqual([autoRetries, triggerType], [3, "retry"], "a person's retry is not counted");
  },
);

onEveryDatabase("RT-03 a run is retried as often as can be counted, whatever its limit", async (bench) => {
  const text = `retry_policy: {limit: 1000000, interval_sec: 1}\n${ONE_STEP}`;
  const runner = await addRunner(bench);
  const run = await queueRun(bench, { definition: { text, name: "w" } });
  await updateRun(bench.ports.db, run.id, { autoRetries: 32_767 });
  await finish(bench, runner, await claimOne(bench, runner), FAILED);
  assert.equal((await readRun(bench, run.id)).word, "failed");
});

onEveryDatabase("RT-05 a run that is being stopped is not tried again, whatever its end", async (bench) => {
  const runner = await addRunner(bench);
  const run = await queueRun(bench, { definition: { text: RETRIED, name: "w" } });
  const grant = await claimOne(bench, runner);
  assert.ok((await stopRun(bench.ports, bench.settings, run, "test", false)).ok);
  await finish(bench, runner, grant, FAILED);
  assert.equal((await readRun(bench, run.id)).word, "failed");
});

onEveryDatabase("RT-03 no automatic retry is later than a day", async (bench) => {
  const runner = await addRunner(bench);
  const text = `retry_policy: {limit: 1, interval_sec: 1000000, max_interval_sec: 1000000}\n${ONE_STEP}`;
  await queueRun(bench, { definition: { text, name: "w" } });
  await finish(bench, runner, await claimOne(bench, runner), FAILED);
  await bench.time.advance(86_400_000);
  assert.deepEqual(await names(bench, runner), ["w"]);
});

onEveryDatabase("RT-05 a person's retry makes the automatic one void that waits", async (bench) => {
  const runner = await addRunner(bench);
  const run = await queueRun(bench, { definition: { text: RETRIED, name: "w" } });
  await finish(bench, runner, await claimOne(bench, runner), FAILED);
  assert.ok((await retry(bench, run)).ok);
  assert.equal((await readRun(bench, run.id)).autoRetries, 0);
  const again = await retry(bench, run);
  assert.deepEqual(
    [again.ok, "code" in again && again.code],
    [false, "conflict"],
    "it waits for its runner now",
  );
  assert.equal((await claimOne(bench, runner)).fence, 2);
});

onEveryDatabase(
  "RT-05 QU-16 a suspension takes the automatic retry that waits, and no retry of a person's",
  async (bench) => {
    const runner = await addRunner(bench);
    const runs = [];
    for (const name of ["one", "two"]) {
      await publish(bench.ports, name, RETRIED, SAVED);
      const run = await queueRun(bench, { definition: { fileName: name } });
      await finish(bench, runner, await claimOne(bench, runner), FAILED);
      runs.push(run);
      if (name === "two") assert.ok((await retry(bench, run)).ok);
      assert.ok(await setSuspended(bench.ports, name, true, "test"));
    }
    const words = [];
    for (const run of runs) words.push((await readRun(bench, run.id)).word);
    assert.deepEqual(words, ["aborted", "queued"]);
    await bench.time.advance(60_000);
    assert.deepEqual(await names(bench, runner), ["two"]);
  },
);

onEveryDatabase("RT-06 ST-15 a stop takes the retry that waits, and the run is aborted", async (bench) => {
  const runner = await addRunner(bench);
  const run = await queueRun(bench, { definition: { text: RETRIED, name: "w" } });
  await finish(bench, runner, await claimOne(bench, runner), FAILED);
  assert.deepEqual(await stopRun(bench.ports, bench.settings, run, "test", false), { ok: true });
  assert.equal((await readRun(bench, run.id)).word, "aborted");
  await bench.time.advance(60_000);
  assert.deepEqual(await names(bench, runner), []);
});

onEveryDatabase(
  "CN-07 ST-14 a stop that comes after the end is told so, and changes nothing",
  async (bench) => {
    const runner = await addRunner(bench);
    const run = await queueRun(bench);
    await finish(bench, runner, await claimOne(bench, runner));
    const stopped = await stopRun(bench.ports, bench.settings, run, "test", false);
    assert.deepEqual([stopped.ok, "code" in stopped && stopped.code], [false, "not_running"]);
    assert.equal((await readRun(bench, run.id)).word, "succeeded");
  },
);

// ---- numbers and texts ------------------------------------------------------------------------------------------

const LARGE = [
  "max_active_runs: 3000000000",
  "timeout_sec: 3000000000",
  "max_clean_up_time_sec: 3000000000",
  "hist_retention_days: 3000000000",
  "hist_retention_runs: 3000000000",
];

onEveryDatabase("QU-02 TO-02 R-41 a run may ask for more than the database counts", async (bench) => {
  const runner = await addRunner(bench);
  for (const [index, line] of LARGE.entries()) {
    const name = `w${index}`;
    await queueRun(bench, { definition: { text: `${line}\n${ONE_STEP}`, name }, needsSlot: true });
    assert.deepEqual(await names(bench, runner), [name], line);
    const [queue] = await listQueues(bench.ports.db, name);
    assert.ok((queue?.maxConcurrency ?? 0) <= 10_000, `${line}: ${queue?.maxConcurrency} slots`);
  }
});

onEveryDatabase("AP-04 a queue and labels that the database cannot hold are refused", async (bench) => {
  for (
    const line of ['queue: "a\\0b"', 'worker_selector: {zone: "a\\0b"}', 'worker_selector: {"a\\ud800": b}']
  ) {
    const started = await startRun(bench.ports, {
      definition: { text: `${line}\n${ONE_STEP}`, name: "w" },
      params: { kind: "none" },
      dagRunId: null,
      triggerType: "manual",
      triggerActor: "test",
      needsSlot: true,
      priority: 5,
    });
    assert.equal(!started.ok && started.code, "bad_request", line);
  }
});

onEveryDatabase("M3 the text of a grant is that of its digest, whatever it begins with", async (bench) => {
  await queueRun(bench, { definition: { text: `\ufeff${ONE_STEP}`, name: "w" } });
  const { definition } = await claimOne(bench, await addRunner(bench));
  assert.equal(definition.digest, `sha256:${await sha256(definition.yaml)}`);
});
