/** Approvals at the control plane: what is sent back while an attempt goes on, and who may read its log (AP-76, TX-06). */
import assert from "node:assert/strict";
import type { RunEventBody } from "../../../src/run/event.ts";
import { approveStep, completeTask, pushBackStep } from "../../../src/server/dispatch/human-tasks.ts";
import { stopRun } from "../../../src/server/dispatch/cancel.ts";
import { reportLog } from "../../../src/server/dispatch/logs.ts";
import { runnerToken } from "../../../src/server/dispatch/runner-token.ts";
import { listEvents } from "../../../src/server/store/events.ts";
import { listSteps } from "../../../src/server/store/steps.ts";
import {
  addRunner,
  callerOf,
  claimNow,
  claimOne,
  type DispatchBench,
  onEveryDatabase,
  type QueuedRun,
  queueRun,
  readRun,
  STARTED,
  tell,
} from "../../support/dispatch.ts";
import { createApp } from "../../../src/server/app.ts";
import { newRunnerClient } from "../../../src/protocol/client.ts";

const SPEC = `
name: paper
steps:
  - {id: draft, run: "true"}
  - {id: review, depends: draft, run: "true", approval: {input: [WHY], rewind_to: draft}}
  - {id: ask, depends: draft, action: human.task, with: {prompt: Sure?}}
  - {id: slow, run: "true"}
  - {id: last, depends: [review, ask, slow], run: "true"}
`;
const NO_LOGS = { stdout: 0, stderr: 0 };

const began = (step: string): RunEventBody => ({ type: "step.started", step, data: { retry: 0 } });
const good = (step: string): RunEventBody => ({
  type: "step.finished",
  step,
  data: { status: "succeeded", exitCode: 0, logs: NO_LOGS },
});
const waits = (step: string, kind: "approval" | "human_task"): RunEventBody => ({
  type: "step.waiting",
  step,
  data: { kind, prompt: "?", logs: NO_LOGS },
});
const REVIEWING = [STARTED, began("slow"), began("draft"), good("draft"), began("review"), began("ask")]
  .concat([waits("ask", "human_task"), waits("review", "approval")]);

function ask(run: QueuedRun, step: string) {
  return { name: run.name, dagRunId: run.dagRunId, step, choice: { selector: {} }, actor: "ann" };
}

async function stepsOf({ ports }: DispatchBench, run: QueuedRun): Promise<string[]> {
  return (await listSteps(ports.db, run.id)).map(({ name, status, again }) =>
    `${name} ${status}${again === null ? "" : ` again ${again.iteration}`}`
  );
}

onEveryDatabase(
  "AP-76 what is sent back while the attempt goes on is reset at its end, questions too",
  async (bench) => {
    const { ports } = bench;
    const run = await queueRun(bench, { definition: { text: SPEC, name: null } });
    const runner = await addRunner(bench);
    const grant = await claimOne(bench, runner);
    await tell(bench, runner, grant, 1, REVIEWING);
    const done = await pushBackStep(ports, ask(run, "review"), { WHY: "too long" });
    assert.ok(done.ok);
    assert.deepEqual([done.queued, done.pushBacks, done.remaining], [false, 1, ["ask"]]);
    // The runner still works on what it has begun.
    assert.deepEqual(
      await stepsOf(bench, run),
      ["draft succeeded", "review not_started", "ask waiting", "slow running", "last not_started"],
    );
    const twice = await pushBackStep(ports, ask(run, "review"), {});
    assert.match(twice.ok ? "" : twice.message, /not_started, not waiting/);
    await tell(bench, runner, grant, 1 + REVIEWING.length, [
      good("slow"),
      { type: "attempt.waiting", data: { steps: ["review", "ask"] } },
    ]);
    assert.deepEqual(await stepsOf(bench, run), [
      "draft not_started again 1",
      "review not_started again 1",
      "ask not_started again 1",
      "slow succeeded",
      "last not_started again 1",
    ]);
    assert.equal((await readRun(bench, run.id)).word, "queued");
    const [next] = (await claimNow(bench, runner)).attempts;
    const review = next?.resume?.find((step) => step.name === "review");
    assert.deepEqual(review?.pushBacks, [
      { by: "ann", at: ports.clock.now(), inputs: { WHY: "too long" }, attempt: 0 },
    ]);
    const told = await listEvents(ports.db, { runId: run.id, fence: 0 }, 0, 10);
    assert.deepEqual(told.map(({ type, step, body }) => [type, step, Object(body).data]), [
      ["step.pushed_back_by_person", "review", { by: "ann", inputs: { WHY: "too long" } }],
    ]);
  },
);

const APART = SPEC.replace("depends: draft, action: human.task", "action: human.task");
for (
  const [title, text, isQueued] of [
    ["what it rewinds over does not keep it waiting", SPEC, true],
    ["others that are waited for do", APART, false],
  ] as const
) {
  onEveryDatabase(`AP-76 a waiting run that is sent back: ${title}`, async (bench) => {
    const { ports } = bench;
    const run = await queueRun(bench, { definition: { text, name: null } });
    const runner = await addRunner(bench);
    const grant = await claimOne(bench, runner);
    await tell(bench, runner, grant, 1, [
      ...REVIEWING,
      good("slow"),
      { type: "attempt.waiting", data: { steps: ["review", "ask"] } },
    ]);
    const done = await pushBackStep(ports, ask(run, "review"), {});
    assert.equal(done.ok && done.queued, isQueued);
    assert.equal((await readRun(bench, run.id)).word, isQueued ? "queued" : "waiting");
    if (!isQueued) assert.ok((await completeTask(ports, ask(run, "ask"), {})).ok);
    assert.equal((await readRun(bench, run.id)).word, "queued");
    assert.deepEqual((await stepsOf(bench, run)).slice(0, 4), [
      "draft not_started again 1",
      "review not_started again 1",
      isQueued ? "ask not_started again 1" : "ask succeeded",
      "slow succeeded",
    ]);
  });
}

onEveryDatabase(
  "S-122 AU-41 the log of the rejected try is for the run's own live attempt",
  async (bench) => {
    const { ports, settings } = bench;
    const run = await queueRun(bench, {
      definition: { text: 'steps: [{id: a, run: "true", approval: {}}]', name: "logged" },
    });
    const runner = await addRunner(bench);
    const grant = await claimOne(bench, runner);
    const bytes = new TextEncoder().encode("what was rejected\n");
    await tell(bench, runner, grant, 1, [STARTED, began("a")]);
    const piece = {
      step: "a",
      stream: "stdout",
      offset: 0,
      fence: grant.fence,
      isFinal: true,
      bytes,
    } as const;
    assert.ok((await reportLog(ports, settings, await callerOf(runner, grant), piece)).ok);
    await tell(bench, runner, grant, 3, [
      waits("a", "approval"),
      { type: "attempt.waiting", data: { steps: ["a"] } },
    ]);
    assert.ok((await pushBackStep(ports, ask(run, "a"), {})).ok);
    const next = await claimOne(bench, runner);
    assert.equal(next.resume?.[0]?.pushBacks[0]?.attempt, grant.fence);

    const app = createApp(ports, settings);
    const client = newRunnerClient(
      { fetch: async (request) => await app.fetch(request), clock: ports.clock, ids: ports.ids },
      { baseUrl: "http://localhost", boot: { number: 1, id: "b" }, compress: false },
    );
    client.setCredential({ runnerId: runner.id, token: await runnerToken(settings, runner.id, 0) });
    const place = { step: "a", stream: "stdout", attempt: grant.fence, offset: 0 } as const;
    const options = { signal: new AbortController().signal };
    const read = async (from: typeof next, offset: number): Promise<string> => {
      const got = await client.readLog(from, { ...place, offset }, options);
      return got.ok ? new TextDecoder().decode(got.value) : JSON.stringify(got.failure);
    };
    assert.equal(await read(next, 0), "what was rejected\n");
    assert.equal(await read(next, 9), "rejected\n");
    assert.equal(await read(next, bytes.length), "");
    assert.match(await read(grant, 0), /no such live attempt/);
    assert.match(await read({ ...next, attemptToken: "dagu_att_other" }, 0), /no such live attempt/);
    assert.ok((await approveStep(ports, ask(run, "a"), {})).ok === false, "nobody waits any more");
  },
);

const HANDLED = `${SPEC}handler_on: {abort: {run: "true"}}\n`;
const SILENCE_MS = 80_000;
for (
  const [title, text, silentMs, word] of [
    ["its handlers are for a runner that is there", HANDLED, 0, "queued"],
    ["it ends at once where no runner is", HANDLED, SILENCE_MS, "aborted"],
    ["it ends at once without handlers", SPEC, 0, "aborted"],
  ] as const
) {
  onEveryDatabase(`R-20 a waiting run that is stopped: ${title}`, async (bench) => {
    const { ports, settings } = bench;
    const run = await queueRun(bench, { definition: { text, name: null } });
    const runner = await addRunner(bench);
    const grant = await claimOne(bench, runner);
    await tell(bench, runner, grant, 1, [...REVIEWING, good("slow"), {
      type: "attempt.waiting",
      data: { steps: ["review", "ask"] },
    }]);
    await bench.time.advance(silentMs);
    assert.deepEqual(await stopRun(ports, settings, run, "ann", false), { ok: true });
    assert.equal((await readRun(bench, run.id)).word, word);
    assert.deepEqual((await stepsOf(bench, run)).slice(0, 5), [
      "draft succeeded",
      "review aborted",
      "ask aborted",
      "slow succeeded",
      "last not_started",
    ]);
    if (word === "aborted") return;
    const next = await claimOne(bench, runner);
    assert.deepEqual(
      next.resume?.filter(({ status }) => status === "aborted").map(({ failure }) => failure?.message),
      ["stopped by ann", "stopped by ann"],
    );
  });
}
