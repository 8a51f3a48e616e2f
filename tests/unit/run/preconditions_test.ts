/** What a run does with its preconditions (workflow-language contract 4.11). */
import assert from "node:assert/strict";
import { play, type Scripted, statuses } from "../../support/scripted-run.ts";

const HANDLERS =
  "handler_on: {init: {run: x}, abort: {run: x}, failure: {run: x}, success: {run: x}, exit: {run: x}}";

const cases: readonly {
  readonly name: string;
  readonly yaml: string;
  readonly options?: Scripted;
  readonly status: string;
  readonly steps: Record<string, string>;
}[] = [
  {
    name: "T-60 an eval that matches",
    yaml: 'steps: [{id: a, run: x, preconditions: [{eval: "$(cat flag)", expected: up}]}]',
    options: { prints: { "cat flag": "up" } },
    status: "succeeded",
    steps: { a: "succeeded" },
  },
  {
    name: "T-60 an eval that does not match",
    yaml: 'steps: [{id: a, run: x, preconditions: [{eval: "$(cat flag)", expected: up}]}]',
    options: { prints: { "cat flag": "down" } },
    status: "succeeded",
    steps: { a: "skipped" },
  },
  {
    name: "S-72 negate turns not met into met",
    yaml: 'steps: [{id: a, run: x, preconditions: [{eval: "$(cat flag)", expected: up, negate: true}]}]',
    options: { prints: { "cat flag": "down" } },
    status: "succeeded",
    steps: { a: "succeeded" },
  },
  {
    name: "S-74 an evaluation error fails the step and stops the run",
    yaml: `steps:
  - {id: a, run: x, preconditions: [{eval: "$(cat flag)", expected: up}], continue_on: failed}
  - {id: b, run: x, depends: a}
  - {id: c, run: x}`,
    options: { script: { c: [{ takesMs: 10_000 }] } },
    status: "aborted",
    steps: { a: "failed", b: "not_started", c: "aborted" },
  },
  {
    name: "92 negate on an erroneous eval is still an error",
    yaml: 'steps: [{id: a, run: x, preconditions: [{eval: "$(cat flag)", expected: up, negate: true}]}]',
    status: "aborted",
    steps: { a: "failed" },
  },
  {
    name: "S-75 a root evaluation error: failed; failure and exit handlers run, init and abort do not",
    yaml: `preconditions: [{eval: "$(cat flag)", expected: up}]\n${HANDLERS}\nsteps: [{id: a, run: x}]`,
    status: "failed",
    steps: {
      a: "not_started",
      onInit: "not_started",
      onSuccess: "not_started",
      onFailure: "succeeded",
      onAbort: "not_started",
      onExit: "succeeded",
    },
  },
  {
    name: "S-75 a root evaluation error without handlers",
    yaml: 'preconditions: [{eval: "$(cat flag)", expected: up}]\nsteps: [{id: a, run: x}]',
    status: "failed",
    steps: { a: "not_started" },
  },
  {
    name: "93 a root condition that is not met",
    yaml: `preconditions: [{condition: red, expected: blue}]\n${HANDLERS}\nsteps: [{id: a, run: x}]`,
    status: "aborted",
    steps: {
      a: "not_started",
      onInit: "not_started",
      onSuccess: "not_started",
      onFailure: "not_started",
      onAbort: "succeeded",
      onExit: "succeeded",
    },
  },
  {
    name: "S-77 a handler's condition that is not met skips it and leaves the run as it is",
    yaml: 'handler_on: {success: {run: x, preconditions: "no"}, exit: {run: x}}\nsteps: [{id: a, run: x}]',
    options: { checks: { no: false } },
    status: "succeeded",
    steps: { a: "succeeded", onSuccess: "skipped", onExit: "succeeded" },
  },
  {
    name: "S-73 a match executes nothing",
    yaml: `steps: [{id: a, run: x, preconditions: [{condition: "$(date)", expected: "$(date)"}]}]`,
    status: "succeeded",
    steps: { a: "succeeded" },
  },
  {
    name: "21 expected is not resolved",
    yaml: `steps: [{id: a, run: x, preconditions: [{condition: "\${params.P}", expected: "\${params.P}"}]}]`,
    options: { params: { P: "value" } },
    status: "succeeded",
    steps: { a: "skipped" },
  },
  {
    name: "T-59 lines",
    yaml: `steps:
  - id: a
    run: x
    preconditions:
      - {condition: "\${params.L}", expected: "re:^v[0-9]+$"}
      - {condition: "\${params.L}", expected: beta}`,
    options: { params: { L: "v12\nbeta" } },
    status: "succeeded",
    steps: { a: "succeeded" },
  },
];
for (const { name, yaml, options, status, steps } of cases) {
  Deno.test(`preconditions: ${name}`, async () => {
    const played = await play(yaml, options);
    assert.deepEqual({ status: played.state.status, steps: statuses(played.state) }, { status, steps });
  });
}

Deno.test("preconditions: S-68, 90 all are looked at, and told as met, not met or in error", async () => {
  const played = await play(
    `steps:
  - id: a
    run: x
    preconditions: ["no", {eval: "$(broken)", expected: x, negate: true}, "yes"]`,
    { checks: { no: false, yes: true } },
  );
  const checked = played.events.find((event) => event.type === "preconditions.checked");
  assert.deepEqual(checked?.type === "preconditions.checked" && checked.data.results, [
    { condition: "no", matched: false },
    { condition: "$(broken)", matched: false, error: 'command "broken": exit status 9' },
    { condition: "yes", matched: true },
  ]);
});

Deno.test("preconditions: S-74 the failure names the eval, and is the run's", async () => {
  const played = await play('steps: [{id: a, run: x, preconditions: [{eval: "$(cat flag)", expected: up}]}]');
  const failure = played.state.failure;
  assert.equal(failure?.code, "PRECONDITION_ERROR");
  assert.match(failure?.message ?? "", /\$\(cat flag\).*exit status 9/);
  assert.equal(played.calls.length, 0);
});

Deno.test("preconditions: S-76 once per step, not per try", async () => {
  const played = await play(
    `steps:
  - id: a
    run: x
    preconditions: [{eval: "$(once)", expected: ok}]
    retry_policy: {limit: 2, interval_sec: 0}`,
    { prints: { once: "ok" }, script: { a: [{ exit: 1 }] } },
  );
  assert.equal(played.started.length, 3);
  assert.deepEqual(played.substituted, ["once"]);
});

Deno.test("preconditions: S-76 an eval sees the step's env and upstream outputs", async () => {
  const played = await play(
    `steps:
  - {id: a, run: x, output: OUT}
  - id: b
    run: x
    depends: a
    env: [{MINE: mine}]
    preconditions: [{eval: "\${env.OUT} $(echo $MINE \${a.output} $HOME $UNSET)", expected: "value printed"}]`,
    { script: { a: [{ stdout: "value\n" }] }, prints: { "echo mine value /home/runner $UNSET": "printed" } },
  );
  assert.equal(played.state.steps[1]?.status, "succeeded");
});
