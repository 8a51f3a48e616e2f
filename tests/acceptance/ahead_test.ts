/**
 * Runs that `dagu start` executes before the database is open (docs/guarantees.md): whatever becomes of the process, the
 * database knows of them afterwards what it would have known, once.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import * as v from "valibot";
import { type Case, openCase, until } from "./case.ts";

async function records({ home }: Case): Promise<string[]> {
  try {
    const entries = await Array.fromAsync(Deno.readDir(join(home, "ahead")));
    return entries.map(({ name }) => name).sort();
  } catch (error) {
    assert.ok(error instanceof Deno.errors.NotFound, String(error));
    return [];
  }
}

async function hasDatabase({ home }: Case): Promise<boolean> {
  return await Deno.stat(join(home, "data")).then(() => true, () => false);
}

const History = v.array(v.looseObject({ name: v.string(), dagRunId: v.string(), statusLabel: v.string() }));

async function history(on: Case): Promise<v.InferOutput<typeof History>> {
  const { stdout, stderr } = await on.run(["history", "--format", "json"]);
  assert.equal(stderr.replace(/^making the embedded database .*\n/, ""), "");
  return v.parse(History, JSON.parse(stdout));
}

Deno.test("C-01 C-09 C-10: a start that needs no database opens none; the next command knows the run", async () => {
  await using on = await openCase(`name: short
params: [{name: who, default: nobody}]
labels: [a=b]
handler_on: {exit: {run: "echo bye"}}
steps:
  - {id: first, run: "echo hello $who; echo warned >&2", output: SAID}
  - {id: second, depends: first, run: "exit 3", continue_on: {failure: true}}
`);
  const started = await on.run(["start", "--labels", "c", "--run-id", "one", "w.yaml", "--", "who=you"]);
  assert.equal(started.code, 0, started.stderr);
  assert.match(started.stderr, /first │ hello you\n/);
  assert.equal(await hasDatabase(on), false, "a database was made");
  assert.equal((await records(on)).length, 1);

  const shown = await on.run(["status", "--run-id", "one", "short"]);
  assert.deepEqual(shown.stdout.split("\n").slice(1), started.stdout.split("\n").slice(1));
  assert.deepEqual(await records(on), []);
  const [run, ...others] = await history(on);
  assert.equal(others.length, 0);
  assert.equal(run?.["dagRunId"], "one");
  assert.equal(run?.["statusLabel"], "partially_succeeded");
  assert.match(String(run?.["params"]), /you/);
  assert.deepEqual(run?.["labels"], ["a=b", "c"]);
});

Deno.test("C-01: many starts are adopted in their order, by one command, once", async () => {
  await using on = await openCase('steps: [{id: s, run: "echo $1 > /dev/null"}]\n');
  for (const value of ["1", "2", "3"]) {
    assert.equal((await on.run(["start", "w.yaml", "--", value])).code, 0);
  }
  const [first = "", ...rest] = await records(on);
  assert.equal(rest.length, 2);
  const kept = await Deno.readTextFile(join(on.home, "ahead", first));
  const all = await history(on);
  assert.deepEqual(all.map((run) => String(run["params"]).match(/"1":"(\d)"/)?.[1]), ["3", "2", "1"]);

  // As when the process that adopted it was killed before it could take the record away.
  await Deno.writeTextFile(join(on.home, "ahead", first), kept);
  assert.deepEqual(await history(on), all);
  assert.deepEqual(await records(on), []);
});

Deno.test("C-01: a mistake in the file is told without a database", async () => {
  await using on = await openCase("steps: [{runn: x}]\n");
  const { code, stdout, stderr } = await on.run(["start", "w.yaml"]);
  assert.equal(code, 1);
  assert.equal(stdout, "");
  assert.match(stderr, /^dagu start: w\.yaml:1:10: steps\[0\]\.runn: /);
  assert.equal(await hasDatabase(on), false);
  assert.deepEqual(await records(on), []);
});

Deno.test("C-01: a run id that is taken is refused, whoever stored its run", async () => {
  await using on = await openCase('steps: [{id: s, run: "true"}]\n');
  assert.equal((await on.run(["start", "--run-id", "same", "w.yaml"])).code, 0);
  const again = await on.run(["start", "--run-id", "same", "w.yaml"]);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /run w:same exists already/);
});

Deno.test("S-131: a step that starts a sub-run opens the database, and nothing is told twice or lost", async () => {
  await using on = await openCase(`steps:
  - {id: before, run: "for i in 1 2 3 4 5; do echo line $i; done"}
  - {id: sub, depends: before, action: dag.run, with: {dag: child}}
  - {id: after, depends: sub, run: "echo after"}
---
name: child
steps: [{id: c, run: "echo in the child"}]
`);
  const { code, stderr, stdout } = await on.run(["start", "w.yaml"]);
  assert.equal(code, 0, stderr);
  assert.deepEqual(await records(on), []);
  assert.deepEqual(stderr.match(/line \d/g), ["line 1", "line 2", "line 3", "line 4", "line 5"]);
  assert.match(stderr, /after │ after\n/);
  const shown = await on.run(["status", "w"]);
  assert.deepEqual(shown.stdout.split("\n").slice(1), stdout.split("\n").slice(1));
  assert.match(shown.stdout, /sub-run: child:/);
});

Deno.test("S-119: a run that waits for a person is in the database when the command returns", async () => {
  await using on = await openCase(`steps:
  - {id: ask, action: human.task, with: {prompt: well?}}
  - {id: after, depends: ask, run: "echo after"}
`);
  const started = await on.run(["start", "w.yaml"]);
  assert.equal(started.code, 0, started.stderr);
  assert.match(started.stdout, /Status: Waiting/);
  assert.deepEqual(await records(on), []);
  const completed = await on.run(["human-task", "complete", "w", "--step", "ask"]);
  assert.equal(completed.code, 0, completed.stderr);
  assert.match((await on.run(["status", "w"])).stdout, /Result: Succeeded/);
});

Deno.test("RT-02: a run that is to be tried again by itself is", async () => {
  await using on = await openCase(`retry_policy: {limit: 1, interval_sec: 1}
steps: [{id: s, run: "test -e @W/tried || { touch @W/tried; exit 1; }"}]
`);
  const { code, stderr } = await on.run(["start", "w.yaml"]);
  assert.equal(code, 0, stderr);
});

Deno.test("M7: more output than is kept ahead is whole", async () => {
  await using on = await openCase(`steps: [{id: s, run: "seq 1 900000; echo last"}]\n`);
  const { code, stderr } = await on.run(["start", "w.yaml"]);
  assert.equal(code, 0);
  const shown = stderr.split("\n").filter((line) => line.startsWith("s │ "));
  assert.equal(shown.length, 900_001);
  assert.equal(shown.at(-1), "s │ last");
  assert.equal(shown[123_455], "s │ 123456");
  assert.deepEqual(await records(on), []);
});

Deno.test("T-71: another terminal sees and stops a run that has just begun", async () => {
  await using on = await openCase('steps: [{id: s, run: "echo under way; sleep 60"}]\n');
  await using running = on.spawn(["start", "w.yaml"]);
  await running.said("under way");
  const shown = await on.run(["status", "w"]);
  assert.match(shown.stdout, /s .*\[running\]/);
  assert.equal((await on.run(["stop", "w"])).code, 0);
  assert.equal((await running.status).code, 1);
  assert.match((await on.run(["status", "w"])).stdout, /Result: Aborted/);
});

Deno.test("9.71 T-71: a start that is interrupted ends its run without waiting for a database", async () => {
  await using on = await openCase(`handler_on: {abort: {run: "echo aborted"}}
steps: [{id: s, run: "echo under way; sleep 60"}]
`);
  await using running = on.spawn(["start", "--run-id", "one", "w.yaml"]);
  await running.said("under way");
  running.kill("SIGTERM");
  assert.equal((await running.status).code, 1);
  assert.equal(await hasDatabase(on), false, "a database was made");
  const shown = await on.run(["status", "--output", "json", "w"]);
  assert.match(shown.stdout, /"cancelRequested": true/);
  assert.match(shown.stdout, /stopped by local/);
  assert.match((await on.run(["status", "w"])).stdout, /onAbort [^]*aborted[^]*Result: Aborted/);
});

Deno.test("RS-01: a start that is killed leaves a run that is known, and is over as soon as a runner is there", async () => {
  await using on = await openCase('steps: [{id: s, run: "echo under way; sleep 60"}]\n');
  await using running = on.spawn(["start", "w.yaml"]);
  await running.said("under way");
  running.kill("SIGKILL");
  await running.status;
  const before = await history(on);
  assert.deepEqual(before.map(({ statusLabel }) => statusLabel), ["running"]);
  await on.write("other.yaml", 'steps: [{id: s, run: "true"}]\n');
  assert.equal((await on.run(["start", "other.yaml"])).code, 0);
  const told = await until("the killed run is over", async () => {
    const killed = (await history(on)).find(({ name }) => name === "w");
    return killed?.statusLabel === "running" ? null : killed?.statusLabel ?? "gone";
  });
  assert.equal(told, "failed");
});

Deno.test("C-02: what cannot be taken in is put aside and told, and stands in nobody's way", async () => {
  await using on = await openCase('steps: [{id: s, run: "true"}]\n');
  assert.equal((await on.run(["start", "w.yaml"])).code, 0);
  const [name = ""] = await records(on);
  const path = join(on.home, "ahead", name);
  await Deno.writeTextFile(path, (await Deno.readTextFile(path)).replace('"steps: ', '"step: '));
  await Deno.writeTextFile(join(on.home, "ahead", "0.jsonl"), '{"of": "another version"}\n');
  await Deno.writeTextFile(join(on.home, "ahead", "1.jsonl"), "");
  const { code, stdout, stderr } = await on.run(["history", "--format", "json"]);
  assert.equal(code, 0);
  assert.deepEqual(JSON.parse(stdout), []);
  assert.match(stderr, /0\.jsonl.*this version cannot read it/);
  assert.match(stderr, /step has invalid keys|unknown|invalid/);
  assert.deepEqual(await records(on), ["0.jsonl.refused", `${name}.refused`]);
});

Deno.test("C-02: what the database does not take is put aside", async () => {
  await using on = await openCase('steps: [{id: s, run: "echo said"}]\n');
  assert.equal((await on.run(["start", "w.yaml"])).code, 0);
  const [name = ""] = await records(on);
  const path = join(on.home, "ahead", name);
  await Deno.writeTextFile(
    path,
    (await Deno.readTextFile(path)).replaceAll('"step":"s"', '"step":"s\\u0000"'),
  );
  const { code, stderr } = await on.run(["history", "--format", "json"]);
  assert.equal(code, 0);
  assert.match(stderr, /a run was not taken into the database/);
  assert.deepEqual(await records(on), [`${name}.refused`]);
});

Deno.test("M6: NUL and half a character are told as the database can keep them", async () => {
  await using on = await openCase(`steps:
  - {id: nul, run: "printf 'a\\\\0b'", output: X}
  - {id: half, run: "printf '%s' '{\\"k\\":\\"\\\\ud83d\\"}'", output: Y}
`);
  const started = await on.run(["start", "w.yaml"]);
  assert.equal(started.code, 0, started.stderr);
  assert.deepEqual((await history(on)).map(({ statusLabel }) => statusLabel), ["succeeded"]);
  const refused = await on.run(["start", "--params", '{"a":"\\u0000"}', "w.yaml"]);
  assert.equal(refused.code, 1);
  assert.match(
    refused.stderr,
    /^dagu start: parameter validation failed: a: the value holds a NUL character/,
  );
});

Deno.test("R-38: a run that the only runner may not take is refused; with the label it is taken", async () => {
  await using on = await openCase('worker_selector: {gpu: "yes"}\nsteps: [{id: s, run: "true"}]\n');
  const asked = "worker_selector asks for gpu=yes, which this runner is not";
  // Ahead of the database, and when it is there.
  for (const args of [["start", "w.yaml"], ["history"], ["start", "--run-id", "own", "w.yaml"]]) {
    const { code, stderr } = await on.run(args);
    if (args[0] === "start") assert.deepEqual([code, stderr.includes(asked)], [1, true], stderr);
  }
  const labelled = await on.run(["start", "w.yaml"], { DAGU_RUNNER_LABELS: "gpu=yes,zone=x" });
  assert.equal(labelled.code, 0, labelled.stderr);
  assert.deepEqual((await history(on)).map(({ statusLabel }) => statusLabel), ["succeeded"]);
});

Deno.test("M1: a runner whose token is no good any more is admitted again with its run", async () => {
  await using on = await openCase(`steps:
  - {id: s, run: "echo under way"}
  - {id: asks, depends: s, action: state.set, with: {key: k, value: v}}
  - {id: late, depends: asks, run: "echo late"}
`);
  assert.equal((await on.run(["start", "w.yaml"])).code, 0);
  const path = join(on.home, "runner", "runner.json");
  const identity: Record<string, unknown> = JSON.parse(await Deno.readTextFile(path));
  await Deno.writeTextFile(path, JSON.stringify({ ...identity, runnerToken: "dagu_rnr_another" }));
  const { code, stderr } = await on.run(["start", "w.yaml"]);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /late/);
});

Deno.test("C-02: a database that cannot be opened is no matter to a run that does without", async () => {
  await using on = await openCase('steps: [{id: s, run: "echo under way; seq 1 900000; echo late"}]\n');
  await Deno.writeTextFile(join(on.home, "data"), "in the way");
  const { code, stdout, stderr } = await on.run(["start", "w.yaml"]);
  assert.equal(code, 0, stderr);
  const shown = stderr.match(/s │ .*/g) ?? [];
  assert.deepEqual([shown.length, shown[0], shown.at(-1)], [900_002, "s │ under way", "s │ late"]);
  assert.match(stdout, /Result: Succeeded/);
  await Deno.remove(join(on.home, "data"));
  assert.deepEqual((await history(on)).map(({ statusLabel }) => statusLabel), ["succeeded"]);
});

Deno.test("C-02: a home in which nothing can be kept is told, not waited for", async () => {
  await using on = await openCase('steps: [{id: s, run: "true"}]\n');
  await Deno.writeTextFile(join(on.home, "ahead"), "in the way");
  const { code, stderr } = await on.run(["start", "w.yaml"]);
  assert.equal(code, 1);
  assert.match(stderr, /^dagu start: cannot .*ahead/);
});

Deno.test("C-02: a database that cannot be opened when the run needs it ends the command", async () => {
  await using on = await openCase(`steps: [{id: sub, action: dag.run, with: {dag: child}}]
---
name: child
steps: [{id: c, run: "true"}]
`);
  await Deno.writeTextFile(join(on.home, "data"), "in the way");
  const { code, stderr } = await on.run(["start", "w.yaml"]);
  assert.equal(code, 1);
  assert.match(stderr, /dagu start: cannot open the embedded database in /);
});
