/** Stopping a run (workflow-language contract 10.8, T-71; section 9, 71). */
import assert from "node:assert/strict";
import { type Case, openCase } from "./case.ts";

const YAML = `handler_on: {abort: {run: "touch @W/ab"}}
steps:
  - {id: s, run: "sleep 60 & echo $! > @W/pid; echo under way; wait"}
`;
/** `max_clean_up_time_sec` and five more. */
const LIMIT_MS = 10_000;

/** Starts, asks for the stop when the step is there, and returns the exit code: null when that took too long. */
async function stopped(on: Case, ask: (pid: number) => Promise<void>): Promise<number | null> {
  await using running = on.spawn(["start", "--run-id", "r71", "w.yaml"]);
  await running.said("under way");
  const asked = ask(running.pid);
  const { promise: late, resolve } = Promise.withResolvers<null>();
  const timer = setTimeout(() => resolve(null), LIMIT_MS);
  const end = await Promise.race([running.status, late]);
  clearTimeout(timer);
  if (end === null) running.kill("SIGTERM");
  await Promise.all([asked, running.status]);
  return end?.code ?? null;
}

async function checkAborted(on: Case): Promise<void> {
  assert.equal(await on.read("ab"), "", "the abort handler has run");
  const { stdout } = await on.run(["status", "w"]);
  assert.match(stdout, /Result: Aborted/);
  assert.match(stdout, /s .*\[aborted\]/);
}

Deno.test("T-71: dagu stop ends a run that dagu start runs", async () => {
  await using on = await openCase(YAML);
  let told = "";
  const code = await stopped(on, async () => {
    const { code, stderr } = await on.run(["stop", "w"]);
    told = `dagu stop: exit code ${code}: ${stderr}`;
  });
  assert.equal(code, 1, `the run did not end within ${LIMIT_MS} ms; ${told}`);
  assert.match(told, /exit code 0/);
  await checkAborted(on);
});

Deno.test("9.71 O-10: a signal ends the step with its children", async () => {
  await using on = await openCase(YAML);
  const code = await stopped(on, (pid) => Promise.resolve(Deno.kill(pid, "SIGTERM")));
  assert.equal(code, 1);
  await checkAborted(on);
  assert.equal(await isAlive((await on.read("pid") ?? "").trim()), false, "the step's child lives on");
});

Deno.test("R-19: a terminal that is closed stops the run in good order", async () => {
  await using on = await openCase(YAML);
  await using running = on.spawn(["start", "w.yaml"]);
  await running.said("under way");
  Deno.kill(running.pid, "SIGHUP");
  assert.equal((await running.status).code, 1);
  await checkAborted(on);
});

Deno.test("R-19: under nohup the end of the terminal is nothing", async () => {
  await using on = await openCase('steps: [{id: s, run: "echo under way; sleep 1"}]\n');
  await using running = on.spawn(["start", "w.yaml"], {}, ["nohup"]);
  await running.said("under way");
  Deno.kill(running.pid, "SIGHUP");
  assert.equal((await running.status).code, 0);
});

Deno.test("R-46: the retry of a run that is active is refused at once, whoever executes it", async () => {
  await using on = await openCase(YAML);
  let told = "";
  const code = await stopped(on, async (pid) => {
    const { code, stderr } = await on.run(["retry", "w", "--run-id", "r71"]);
    told = `${code} ${stderr}`;
    Deno.kill(pid, "SIGTERM");
  });
  assert.equal(code, 1, "it is stopped by the signal");
  assert.equal(told, "1 dagu retry: run w:r71 is running; only a run that ended can be retried\n");
});

Deno.test("5.5: stop with nothing running is an error", async () => {
  await using on = await openCase('steps: [{id: s, run: "true"}]\n');
  assert.equal((await on.run(["start", "w.yaml"])).code, 0);
  assert.equal((await on.run(["stop", "w"])).code, 1);
});

Deno.test("S-94: a repeating step that is stopped finishes what it does, and is not repeated", async () => {
  await using on = await openCase(`steps:
  - id: s
    run: 'echo begin >> @W/o; echo under way; sleep 1; echo end >> @W/o'
    repeat_policy: {repeat: true, interval_sec: 0}
`);
  await stopped(on, (pid) => Promise.resolve(Deno.kill(pid, "SIGTERM")));
  const lines = (await on.read("o") ?? "").trimEnd().split("\n");
  assert.equal(lines.at(-1), "end", lines.join());
});

Deno.test("S-134: a stop goes down to the children of dag.run, and not to those of dag.enqueue", async () => {
  await using on = await openCase(`steps:
  - {id: later, action: dag.enqueue, with: {dag: queued}}
  - {id: s, depends: later, action: dag.run, with: {dag: called}}
---
name: called
steps: [{id: c, run: "echo under way >&2; touch @W/called; sleep 60"}]
---
name: queued
steps: [{id: q, run: "touch @W/queued"}]
`);
  await using running = on.spawn(["start", "--run-id", "r134", "w.yaml"]);
  while (await on.read("called") === null) await new Promise((resolve) => setTimeout(resolve, 50));
  Deno.kill(running.pid, "SIGTERM");
  await running.status;
  const statusOf = async (name: string): Promise<string> => (await on.run(["history", name])).stdout;
  assert.match(await statusOf("called"), /aborted/i);
  assert.doesNotMatch(await statusOf("queued"), /aborted/i);
});

/** A zombie waits for its parent only. */
async function isAlive(pid: string): Promise<boolean> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`).catch(() => "");
  return status !== "" && !/^State:\s+Z/m.test(status);
}
