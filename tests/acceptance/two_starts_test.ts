/** Runs that two terminals start on one home at the same time (workflow-language contract 8.3, C-08). */
import assert from "node:assert/strict";
import { DAGU_WORDS } from "../support/dagu.ts";
import { type Case, openCase, until } from "./case.ts";

/** Goes on when the other has begun: neither ends before both run. */
const FIRST = `steps:
  - {id: s, run: 'touch @W/first; echo under way; until test -e @W/second; do sleep 0.1; done'}
`;
const SECOND = `steps:
  - {id: s, run: 'touch @W/second; echo under way; until test -e @W/go; do sleep 0.1; done; echo x >> mine; cp mine @W/mine'}
  - {id: k, depends: s, action: dag.run, with: {dag: kid}}
---
name: kid
steps: [{id: k, run: "touch @W/kid"}]
`;

async function openTwo(): Promise<Case> {
  const on = await openCase(FIRST);
  await on.write("second.yaml", SECOND.replaceAll("@W", on.folder));
  return on;
}

async function begun(on: Case, file: string): Promise<void> {
  await until(`${file} begins`, () => on.read(file));
}

async function statuses(on: Case): Promise<unknown[]> {
  const { stdout } = await on.run(["history", "--format", "json"]);
  return JSON.parse(stdout).map(({ name, statusLabel }: Record<string, unknown>) => `${name} ${statusLabel}`)
    .sort();
}

Deno.test("8.3 C-08: two starts on one home run at once, each on its own; the second outlives the first", async () => {
  await using on = await openTwo();
  await using first = on.spawn(["start", "w.yaml"]);
  await begun(on, "first");
  await using second = on.spawn(["start", "--run-id", "r2", "second.yaml"]);
  assert.equal((await first.status).code, 0, "the first waited for a step of the second");
  const { code, stdout } = await on.run(["status", "second"]);
  assert.deepEqual([code, stdout.includes("Status: Running")], [0, true], stdout);
  await on.write("go", "");
  assert.equal((await second.status).code, 0);
  assert.equal(await on.read("kid"), "", "its sub-run too");
  assert.deepEqual(await statuses(on), ["second succeeded", "w succeeded"]);
  assert.equal((await on.run(["retry", "second", "--run-id", "r2", "--step", "s"])).code, 0);
  assert.equal(await on.read("mine"), "x\nx\n", "the folder of the run is found again (R-45)");
});

Deno.test("8.3: a start goes on when the one through whose process it went is killed", async () => {
  await using on = await openTwo();
  await on.write("w.yaml", "steps: [{id: s, run: 'echo under way; sleep 600'}]\n");
  await using first = on.spawn(["start", "w.yaml"]);
  await first.said("under way");
  await using second = on.spawn(["start", "second.yaml"]);
  await second.said("under way");
  first.kill("SIGKILL");
  await first.status;
  await on.write("go", "");
  assert.equal((await second.status).code, 0);
  assert.ok((await statuses(on)).includes("second succeeded"));
});

Deno.test("8.3: what a killed second start left is told by the next one", async () => {
  await using on = await openTwo();
  await on.write("next.yaml", "steps: [{id: s, run: 'true'}]\n");
  await using first = on.spawn(["start", "second.yaml"]);
  await first.said("under way");
  await using second = on.spawn(["start", "--name", "other", "second.yaml"]);
  await second.said("under way");
  second.kill("SIGKILL");
  await second.status;
  await on.write("go", "");
  assert.equal((await first.status).code, 0);
  assert.deepEqual(await statuses(on), ["other running", "second succeeded"]);
  assert.equal((await on.run(["start", "next.yaml"])).code, 0);
  assert.deepEqual(await statuses(on), ["next succeeded", "other failed", "second succeeded"]);
});

Deno.test("8.3: a step may start a workflow on the home of its own run", async () => {
  await using on = await openTwo();
  const env = `env: {DAGU_HOME: ${on.home}}\n`;
  await on.write(
    "w.yaml",
    `${env}steps: [{id: s, run: '${DAGU_WORDS.join(" ")} start ${on.folder}/second.yaml'}]\n`,
  );
  await on.write("go", "");
  const { code, stderr } = await on.run(["start", "w.yaml"]);
  assert.equal(code, 0, stderr);
  assert.deepEqual(await statuses(on), ["second succeeded", "w succeeded"]);
});
