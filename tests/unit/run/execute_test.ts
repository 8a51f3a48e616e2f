import assert from "node:assert/strict";
import { play, type Scripted, statuses } from "../../support/scripted-run.ts";

const FAIL = [{ exit: 1 }] as const;

interface Case {
  readonly name: string;
  readonly yaml: string;
  readonly options?: Scripted;
  readonly status: string;
  readonly steps: Readonly<Record<string, string>>;
}

const cases: readonly Case[] = [
  {
    name: "R-10 all steps succeed: succeeded",
    yaml: "steps: [{id: a, run: x}, {id: b, run: x, depends: a}]",
    status: "succeeded",
    steps: { a: "succeeded", b: "succeeded" },
  },
  {
    name: "S-18 a failure aborts dependents transitively, unrelated branches go on",
    yaml:
      "steps: [{id: a, run: x}, {id: b, run: x, depends: a}, {id: c, run: x, depends: b}, {id: d, run: x}]",
    options: { script: { a: FAIL } },
    status: "failed",
    steps: { a: "failed", b: "aborted", c: "aborted", d: "succeeded" },
  },
  {
    name: "5.3 rule 8: an allowed failure beside a success is partially_succeeded",
    yaml: "steps: [{id: a, run: x, continue_on: failed}, {id: b, run: x, depends: a}]",
    options: { script: { a: FAIL } },
    status: "partially_succeeded",
    steps: { a: "failed", b: "succeeded" },
  },
  {
    name: "R-09 a single allowed failure without a success is failed",
    yaml: "steps: [{id: a, run: x, continue_on: failed}]",
    options: { script: { a: FAIL } },
    status: "failed",
    steps: { a: "failed" },
  },
  {
    name: "S-83 mark_success turns the failure into a success",
    yaml: "steps: [{id: a, run: x, continue_on: {failure: true, mark_success: true}}]",
    options: { script: { a: FAIL } },
    status: "succeeded",
    steps: { a: "succeeded" },
  },
  {
    name: "S-80 continue_on.output looks for a text in stdout lines",
    yaml: "steps: [{id: a, run: x, continue_on: {output: 're:^warn'}}, {id: b, run: x, depends: a}]",
    options: { script: { a: [{ exit: 1, stdout: "one\nwarning: x\n" }] } },
    status: "partially_succeeded",
    steps: { a: "failed", b: "succeeded" },
  },
  {
    name: "4.12 continue_on.exit_code allows only those codes",
    yaml: "steps: [{id: a, run: x, continue_on: {exit_code: [3]}}, {id: b, run: x, depends: a}]",
    options: { script: { a: [{ exit: 4 }] } },
    status: "failed",
    steps: { a: "failed", b: "aborted" },
  },
  {
    name: "S-74 unmet preconditions skip the step and its dependents; all skipped is succeeded (R-08)",
    yaml: "steps: [{id: a, run: x, preconditions: 'no'}, {id: b, run: x, depends: a}]",
    options: { checks: { no: false } },
    status: "succeeded",
    steps: { a: "skipped", b: "skipped" },
  },
  {
    name: "4.3 continue_on.skipped lets dependents start",
    yaml: "steps: [{id: a, run: x, preconditions: 'no', continue_on: skipped}, {id: b, run: x, depends: a}]",
    options: { checks: { no: false } },
    status: "succeeded",
    steps: { a: "skipped", b: "succeeded" },
  },
  {
    name: "S-75 unmet root preconditions: aborted, no step, no init; abort and exit handlers run",
    yaml: `preconditions: [{condition: "a", expected: "b"}]
handler_on: {init: {run: x}, abort: {run: x}, exit: {run: x}, failure: {run: x}}
steps: [{id: a, run: x}]`,
    status: "aborted",
    steps: {
      a: "not_started",
      onInit: "not_started",
      onAbort: "succeeded",
      onExit: "succeeded",
      onFailure: "not_started",
    },
  },
  {
    name: "S-16 a cycle fails the run before any step",
    yaml: "steps: [{id: a, run: x, depends: b}, {id: b, run: x, depends: a}]",
    status: "failed",
    steps: { a: "not_started", b: "not_started" },
  },
  {
    name: "R-18 success and exit handlers run after success",
    yaml: "handler_on: {success: {run: x}, failure: {run: x}, exit: {run: x}}\nsteps: [{id: a, run: x}]",
    status: "succeeded",
    steps: { a: "succeeded", onSuccess: "succeeded", onFailure: "not_started", onExit: "succeeded" },
  },
  {
    name: "R-12 a failing handler fails the run, the remaining handlers still run",
    yaml: "handler_on: {success: {run: x}, exit: {run: x}}\nsteps: [{id: a, run: x}]",
    options: { script: { onSuccess: FAIL } },
    status: "failed",
    steps: { a: "succeeded", onSuccess: "failed", onExit: "succeeded" },
  },
  {
    name: "R-04 a failing init handler: no step, aborted, abort and exit run",
    yaml: "handler_on: {init: {run: x}, abort: {run: x}, exit: {run: x}}\nsteps: [{id: a, run: x}]",
    options: { script: { onInit: FAIL } },
    status: "aborted",
    steps: { a: "not_started", onInit: "failed", onAbort: "succeeded", onExit: "succeeded" },
  },
  {
    name: "S-97 stop: running steps aborted, the rest not_started, the run aborted",
    yaml: "handler_on: {abort: {run: x}}\nsteps: [{id: a, run: x}, {id: b, run: x, depends: a}]",
    options: { script: { a: [{ takesMs: 10_000 }] }, stopAfterMs: 2_000 },
    status: "aborted",
    steps: { a: "aborted", b: "not_started", onAbort: "succeeded" },
  },
  {
    name: "R-11 TO-01 run timeout: running steps aborted, the run failed, handlers run",
    yaml: "timeout_sec: 2\nhandler_on: {failure: {run: x}}\nsteps: [{id: a, run: x}]",
    options: { script: { a: [{ takesMs: 10_000 }] } },
    status: "failed",
    steps: { a: "aborted", onFailure: "succeeded" },
  },
  {
    name: "R-11 TO-01 the run's limit counts from its beginning: it ends root preconditions, too",
    yaml:
      "timeout_sec: 2\npreconditions: [x]\nhandler_on: {init: {run: x}, failure: {run: x}}\nsteps: [{id: a, run: x}]",
    options: { checksTakeMs: 10_000 },
    status: "failed",
    steps: { a: "not_started", onInit: "not_started", onFailure: "succeeded" },
  },
  {
    name: "R-11 TO-01 an init handler that the run's limit ends has not failed by itself",
    yaml:
      "timeout_sec: 2\nhandler_on: {init: {run: x}, failure: {run: x}, abort: {run: x}}\nsteps: [{id: a, run: x}]",
    options: { script: { onInit: [{ takesMs: 10_000 }] } },
    status: "failed",
    steps: { a: "not_started", onInit: "aborted", onFailure: "succeeded", onAbort: "not_started" },
  },
  {
    name: "5.5 a stop during root preconditions: no init handler, the run aborted",
    yaml:
      "preconditions: [{condition: x, negate: true}]\nhandler_on: {init: {run: x}, abort: {run: x}}\nsteps: [{id: a, run: x}]",
    options: { checksTakeMs: 10_000, stopAfterMs: 1_000 },
    status: "aborted",
    steps: { a: "not_started", onInit: "not_started", onAbort: "succeeded" },
  },
  {
    name: "S-95 TO-01 step timeout: failed, not retried, continue_on applies",
    yaml: `steps:
  - {id: a, run: x, timeout_sec: 2, retry_policy: {limit: 3, interval_sec: 1}, continue_on: failed}
  - {id: b, run: x, depends: a}`,
    options: { script: { a: [{ takesMs: 10_000 }] } },
    status: "partially_succeeded",
    steps: { a: "failed", b: "succeeded" },
  },
  {
    name: "3.1.3 the root container does not come up: failed, every step not_started, no handler",
    yaml:
      "container: {image: 'alpine:3.20'}\nhandler_on: {failure: {run: x}, exit: {run: x}}\nsteps: [{id: a, run: x}]",
    options: { openFailure: { code: "ENGINE_UNREACHABLE", message: "no socket", remedy: "start it" } },
    status: "failed",
    steps: { a: "not_started", onFailure: "not_started", onExit: "not_started" },
  },
];

for (const { name, yaml, options, status, steps } of cases) {
  Deno.test(name, async () => {
    const played = await play(yaml, options);
    assert.deepEqual({ status: played.state.status, steps: statuses(played.state) }, { status, steps });
    const last = played.events.at(-1);
    assert.equal(last?.type, "attempt.finished");
  });
}

Deno.test("S-84 RT-01 retries: limit + 1 tries, waits interval * backoff^n, capped", async () => {
  const played = await play(
    "steps: [{id: a, run: x, retry_policy: {limit: 3, interval_sec: 2, backoff: true, max_interval_sec: 5}}]",
    { script: { a: FAIL } },
  );
  const waits = played.events.flatMap((event) => event.type === "step.retrying" ? [event.data.delayMs] : []);
  assert.deepEqual(waits, [2000, 4000, 5000]);
  assert.equal(played.started.length, 4);
  assert.equal(played.tookMs, 11_000);
});

Deno.test("S-85 RT-01 retry only on the listed exit codes", async () => {
  const yaml = "steps: [{id: a, run: x, retry_policy: {limit: 3, interval_sec: 0, exit_code: [7]}}]";
  assert.equal((await play(yaml, { script: { a: [{ exit: 6 }] } })).started.length, 1);
  assert.equal((await play(yaml, { script: { a: [{ exit: 7 }, { exit: 0 }] } })).started.length, 2);
});

Deno.test("4.6.4 the captured output is that of the last try", async () => {
  const played = await play(
    "steps: [{id: a, run: x, output: OUT, retry_policy: {limit: 1, interval_sec: 0}}]",
    { script: { a: [{ exit: 1, stdout: "first" }, { stdout: "  second\n" }] } },
  );
  assert.deepEqual(played.state.steps[0]?.variables, { OUT: "second" });
});

Deno.test("V-41 an output variable reaches dependents only, as reference and as environment", async () => {
  const played = await play(
    `steps:
  - {id: a, run: x, output: OUT}
  - {id: b, run: 'echo \${env.OUT}', depends: a}
  - {id: c, run: 'echo \${env.OUT}'}`,
    { script: { a: [{ stdout: "value\n" }] } },
  );
  const textOf = (step: string): unknown => {
    const action = played.calls.find((call) => call.step === step)?.action;
    return action?.name === "run" ? action.texts[0] : undefined;
  };
  assert.equal(textOf("b"), "echo value");
  assert.equal(textOf("c"), "echo ${env.OUT}");
  assert.equal(played.calls.find((call) => call.step === "b")?.scopeEnv["OUT"], "value");
  assert.equal(played.calls.find((call) => call.step === "c")?.scopeEnv["OUT"], undefined);
});

Deno.test("S-45 an undeclared output fails the attempt", async () => {
  const played = await play("steps: [{id: a, run: x, outputs: [{name: tag}]}]", {
    script: { a: [{ outputFile: "tag=1\nother=2\n" }] },
  });
  assert.equal(played.state.steps[0]?.failure?.code, "OUTPUT_INVALID");
  assert.match(played.state.steps[0]?.failure?.message ?? "", /undeclared step output "other"/);
});

Deno.test("4.7 declared outputs are referenced downstream", async () => {
  const played = await play(
    "steps: [{id: a, run: x, outputs: [{name: tag}]}, {id: b, run: 'echo ${steps.a.outputs.tag}', depends: a}]",
    { script: { a: [{ outputFile: "tag=1.2\n" }] } },
  );
  const action = played.calls.at(-1)?.action;
  assert.equal(action?.name === "run" ? action.texts[0] : "", "echo 1.2");
});

Deno.test("4.6.3 more output than max_output_size fails the step", async () => {
  const played = await play("max_output_size: 10\nsteps: [{id: a, run: x, output: OUT}]", {
    script: { a: [{ stdout: "x".repeat(11) }] },
  });
  assert.match(
    played.state.steps[0]?.failure?.message ?? "",
    /output exceeded maximum size limit of 10 bytes/,
  );
});

Deno.test("S-11 steps without depends start together", async () => {
  const takesMs = 100;
  const script = { a: [{ takesMs }], b: [{ takesMs }], c: [{ takesMs }] };
  const played = await play("steps: [{id: a, run: x}, {id: b, run: x}, {id: c, run: x}]", { script });
  assert.equal(played.mostAtOnce, 3);
  assert.equal(played.tookMs, 100);
});

Deno.test("R-01, R-02 max_active_steps limits, in written order", async () => {
  const takesMs = 100;
  const script = { a: [{ takesMs }], b: [{ takesMs }], c: [{ takesMs }] };
  const yaml = "max_active_steps: 1\nsteps: [{id: c, run: x}, {id: a, run: x}, {id: b, run: x}]";
  const played = await play(yaml, { script });
  assert.equal(played.mostAtOnce, 1);
  assert.deepEqual(played.started, ["c", "a", "b"]);
});

Deno.test("R-02 a step that waits for its retry holds no place", async () => {
  const played = await play(
    "max_active_steps: 1\nsteps: [{id: a, run: x, retry_policy: {limit: 1, interval_sec: 60}}, {id: b, run: x}]",
    { script: { a: [{ exit: 1 }, { exit: 0 }], b: [{ takesMs: 1000 }] } },
  );
  assert.deepEqual(played.started, ["a", "b", "a"]);
  assert.equal(played.tookMs, 60_000);
});

Deno.test("3.5.3 steps in the shared container take turns unless max_active_steps is written", async () => {
  const takesMs = 100;
  const script = { a: [{ takesMs }], b: [{ takesMs }] };
  const yaml = "container: {image: 'alpine:3.20'}\nsteps: [{id: a, run: x}, {id: b, run: x}]";
  assert.equal((await play(yaml, { script })).mostAtOnce, 1);
  assert.equal((await play(`max_active_steps: 2\n${yaml}`, { script })).mostAtOnce, 2);
});

Deno.test("3.5.3 waiting for a turn does not consume timeout_sec", async () => {
  const script = { a: [{ takesMs: 5_000 }], b: [{ takesMs: 100 }] };
  const yaml = "container: {image: 'alpine:3.20'}\nsteps: [{id: a, run: x}, {id: b, run: x, timeout_sec: 1}]";
  const played = await play(yaml, { script });
  assert.equal(played.state.status, "succeeded");
});

Deno.test("a fenced attempt stops at once, runs no handler and tells nothing more", async () => {
  const played = await play("handler_on: {abort: {run: x}, exit: {run: x}}\nsteps: [{id: a, run: x}]", {
    script: { a: [{ takesMs: 10_000 }] },
    stopAfterMs: 1_000,
    stopReason: { kind: "fenced" },
  });
  assert.deepEqual(played.started, ["a"]);
  assert.ok(played.isClosed);
  assert.ok(!played.events.some((event) => event.type === "attempt.finished"));
});

Deno.test("V-36 a root env entry cannot replace a managed variable for processes", async () => {
  const played = await play("env: [{DAG_NAME: mine}, {COPY: '${env.DAG_NAME}'}]\nsteps: [{id: a, run: x}]");
  assert.equal(played.calls[0]?.scopeEnv["DAG_NAME"], "flow");
  assert.equal(played.calls[0]?.scopeEnv["COPY"], "mine");
});

Deno.test("R-15 handlers see the run's status", async () => {
  const played = await play(
    "handler_on: {exit: {run: 'echo ${context.run.status}'}}\nsteps: [{id: a, run: x}]",
    { script: { a: FAIL } },
  );
  const call = played.calls.find((one) => one.step === "onExit");
  assert.equal(call?.scopeEnv["DAG_RUN_STATUS"], "failed");
  assert.equal(call?.action.name === "run" ? call.action.texts[0] : "", "echo failed");
});

Deno.test("2.6 facts of the event are variables and references", async () => {
  const played = await play("steps: [{id: a, run: 'echo ${context.event.cloneUrl}'}]", {
    env: { DAGU_EVENT_CLONE_URL: "https://forge/x.git", DAGU_EVENT: "push" },
  });
  const action = played.calls[0]?.action;
  assert.equal(action?.name === "run" ? action.texts[0] : "", "echo https://forge/x.git");
  assert.equal(played.calls[0]?.scopeEnv["DAGU_EVENT"], "push");
});

Deno.test("the state is the fold of the events that were told", async () => {
  const { newRunState, reduce } = await import("../../../src/run/state.ts");
  const { workflowOf } = await import("../../support/scripted-run.ts");
  const yaml =
    "handler_on: {exit: {run: x}}\nsteps: [{id: a, run: x, output: O}, {id: b, run: x, depends: a}]";
  const played = await play(yaml, { script: { b: FAIL } });
  const folded = played.events.reduce(
    (state, event) => reduce(state, { ...event, at: 0 }),
    newRunState(workflowOf(yaml)),
  );
  assert.deepEqual(statuses(folded), statuses(played.state));
  assert.equal(folded.status, played.state.status);
});

Deno.test("R-03 steps that are ready at once start one delay after the other", async () => {
  const played = await play(
    'delay_sec: 2\nsteps: [[{id: a, run: "1"}, {id: b, run: "2"}, {id: c, run: "3"}]]',
    {},
  );
  const [first = 0, ...others] = played.state.steps.map(({ startedAt }) => startedAt ?? 0);
  assert.deepEqual(others.map((at) => at - first), [2_000, 4_000]);
});
