/** Laws of the run core: of the reducer for every order of events, of the scheduler for every graph and every script. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { type RunEventBody, STEP_STATUSES } from "../../src/run/event.ts";
import { findStep, newRunState, OPEN_STEP_STATUSES, reduce, type RunState } from "../../src/run/state.ts";
import { deriveStatus } from "../../src/run/status.ts";
import { play, type Try, workflowOf } from "../support/scripted-run.ts";

// ---- the reducer ------------------------------------------------------------------------------------------------

const NAMES = ["a", "b", "c"];
const workflow = workflowOf(`steps: [${NAMES.map((name) => `{id: ${name}, run: x}`).join(", ")}]`);
const step = fc.constantFrom(...NAMES, "onExit", "nobody", "__proto__");
const failure = { code: "COMMAND_FAILED", message: "exit status 1", remedy: "" } as const;
const logs = { stdout: 1, stderr: 2 };

const body: fc.Arbitrary<RunEventBody> = fc.oneof(
  fc.constant({ type: "attempt.started", data: { engineVersion: "", host: "h", workDir: "/w" } } as const),
  step.map((step) => ({ type: "step.started", step, data: { retry: 0 } }) as const),
  fc.tuple(step, fc.constantFrom("variable" as const, "declared" as const, "object" as const), fc.string())
    .map(([step, kind, name]) => ({ type: "step.output", step, data: { kind, name, value: "1" } }) as const),
  fc.tuple(step, fc.string()).map(([step, id]) =>
    ({ type: "child.linked", step, data: { childRunId: id, name: "kid", index: 0 } }) as const
  ),
  step.map((step) =>
    ({ type: "step.waiting", step, data: { kind: "approval", prompt: "?", logs } }) as const
  ),
  step.map((step) =>
    ({ type: "step.retrying", step, data: { retry: 1, delayMs: 5, exitCode: 1, error: failure } }) as const
  ),
  fc.tuple(step, fc.constantFrom("failed" as const, "aborted" as const, "succeeded" as const)).map((
    [step, status],
  ) => ({ type: "step.finished", step, data: { status, logs } }) as const),
  step.map((step) => ({ type: "step.skipped", step, data: { status: "skipped", reason: "why" } }) as const),
  step.map((step) => ({ type: "note", step, data: { level: "info", message: "m" } }) as const),
  fc.constant<RunEventBody>({ type: "attempt.waiting", data: { steps: [] } }),
  fc.constantFrom("failed" as const, "aborted" as const, "succeeded" as const, "rejected" as const).map((
    status,
  ) => ({ type: "attempt.finished", data: { status } }) as const),
);
const story = fc.array(body, { maxLength: 40 });

function fold(events: readonly RunEventBody[]): RunState {
  return events.reduce((state, event, at) => reduce(state, { ...event, at }), newRunState(workflow));
}

Deno.test("reduce: whatever the order of events, the steps are the workflow's, in their order, in a known status", () => {
  fc.assert(
    fc.property(story, (events) => {
      const state = fold(events);
      assert.deepEqual(state.steps.map(({ name }) => name), NAMES);
      assert.deepEqual(state.handlers, []);
      assert.ok(state.steps.every(({ status }) => STEP_STATUSES.includes(status)));
      for (const { name } of state.steps) assert.equal(findStep(state, name)?.name, name);
    }),
    { numRuns: 3_000 },
  );
});

Deno.test("reduce: EV-02 it changes no state that was given to it, and says the same each time", () => {
  fc.assert(fc.property(story, body, (events, next) => {
    const state = fold(events);
    const before = structuredClone(state);
    const after = reduce(state, { ...next, at: 99 });
    assert.deepEqual(state, before);
    assert.deepEqual(reduce(before, { ...next, at: 99 }), after);
  }));
});

Deno.test("reduce: 4.3 after the end of the attempt no step is under way", () => {
  fc.assert(fc.property(story, fc.constantFrom("failed" as const, "aborted" as const), (events, status) => {
    const state = reduce(fold(events), { type: "attempt.finished", data: { status }, at: 99 });
    assert.equal(state.status, status);
    assert.ok(!state.steps.some((one) => OPEN_STEP_STATUSES.some((open) => open === one.status)));
  }));
});

Deno.test("reduce: events about one step leave the others alone", () => {
  fc.assert(fc.property(story, body, (events, next) => {
    if (!("step" in next) || next.step === undefined) return;
    const [before, after] = [fold(events), fold([...events, next])];
    for (const [at, one] of before.steps.entries()) {
      if (one.name !== next.step) assert.equal(JSON.stringify(after.steps[at]), JSON.stringify(one));
    }
  }));
});

// ---- the scheduler ----------------------------------------------------------------------------------------------

interface Plan {
  readonly yaml: string;
  readonly script: Readonly<Record<string, readonly Try[]>>;
  readonly depends: ReadonlyMap<string, readonly string[]>;
  readonly limit: number;
  readonly stopAfterMs: number | undefined;
}

const SIZE = 7;
const oneTry = fc.record({ exit: fc.constantFrom(0, 0, 0, 1, 7), takesMs: fc.nat(50) });
const plan: fc.Arbitrary<Plan> = fc.record({
  /** Dependencies on earlier steps only: no cycles. */
  depends: fc.array(fc.subarray(Array.from({ length: SIZE }, (_, at) => at)), {
    minLength: SIZE,
    maxLength: SIZE,
  }),
  tries: fc.array(fc.array(oneTry, { minLength: 1, maxLength: 3 }), { minLength: SIZE, maxLength: SIZE }),
  retries: fc.array(fc.nat(2), { minLength: SIZE, maxLength: SIZE }),
  continues: fc.array(fc.boolean(), { minLength: SIZE, maxLength: SIZE }),
  limit: fc.nat(3),
  stopAfterMs: fc.option(fc.nat(200), { nil: undefined }),
}).map(({ depends, tries, retries, continues, limit, stopAfterMs }) => {
  const names = Array.from({ length: SIZE }, (_, at) => `s${at}`);
  const upstream = depends.map((all, at) => all.filter((other) => other < at).map((other) => `s${other}`));
  const steps = names.map((name, at) =>
    `  - {id: ${name}, run: x, depends: [${upstream[at]}], continue_on: {failure: ${continues[at]}}, ` +
    `retry_policy: {limit: ${retries[at]}, interval_sec: 0}}`
  );
  return {
    yaml: `type: graph\nmax_active_steps: ${limit}\nsteps:\n${steps.join("\n")}\n`,
    script: Object.fromEntries(names.map((name, at) => [name, tries[at] ?? []])),
    depends: new Map(names.map((name, at) => [name, upstream[at] ?? []])),
    limit,
    stopAfterMs,
  };
});

Deno.test("execute: for every graph and every script, order, limits, ends and the final status hold", async () => {
  await fc.assert(
    fc.asyncProperty(plan, async ({ yaml, script, depends, limit, stopAfterMs }) => {
      const { state, events, mostAtOnce } = await play(yaml, {
        script,
        ...(stopAfterMs === undefined ? {} : { stopAfterMs }),
      });
      assert.ok(limit === 0 || mostAtOnce <= limit, `${mostAtOnce} steps at once`);
      assert.equal(events.at(-1)?.type, "attempt.finished");
      const over = new Set<string>();
      const started = new Set<string>();
      for (const event of events) {
        if (event.type === "step.started") {
          for (const name of depends.get(event.step) ?? []) {
            assert.ok(over.has(name), `${event.step} started before the end of ${name}`);
          }
          started.add(event.step);
        } else if (event.type === "step.finished" || event.type === "step.skipped") {
          assert.ok(!over.has(event.step), `${event.step} ended twice`);
          assert.equal(started.has(event.step), event.type === "step.finished");
          over.add(event.step);
        }
      }
      assert.deepEqual([...started].filter((name) => !over.has(name)), [], "started and never ended");
      const hasStopped = state.failure?.code === "CANCELLED";
      if (!hasStopped) assert.equal(over.size, SIZE, "every step is told to its end");
      assert.equal(state.status, deriveStatus(state.steps, { isStopped: hasStopped, hasError: false }));
    }),
    { numRuns: 400 },
  );
});
