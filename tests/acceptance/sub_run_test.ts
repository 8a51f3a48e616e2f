/** Runs below a run on the command line: 8.3 `--parent`, 8.4 `retry --sub-run-id`, R-47. */
import assert from "node:assert/strict";
import { openCase } from "./case.ts";
import { accept } from "./harness.ts";

const PARENT = `steps:
  - {id: call, action: dag.run, with: {dag: kid}}
  - {id: after, depends: call, run: echo after >> @W/log}
---
name: kid
steps:
  - {id: one, run: echo one >> @W/log}
  - {id: two, depends: one, run: "echo two >> @W/log; test -e @W/go"}
  - {id: three, depends: two, run: "echo three >> @W/log"}
`;

Deno.test("8.4 R-47 AP-58 retry --sub-run-id tries a step of the run below, and a retry above finds it done", async () => {
  await using on = await openCase(PARENT);
  assert.equal((await on.run(["start", "-q", "-r", "p", "w.yaml"])).code, 1);
  const { stdout } = await on.run(["status", "w"]);
  const [, id = ""] = /sub-run: kid:(\S+)/.exec(stdout) ?? [];
  const refused = await on.run(["retry", "w", "-r", "p", "-s", id]);
  assert.match(refused.stderr, /--sub-run-id needs --step/);
  const unknown = await on.run(["retry", "w", "-r", "p", "-s", "nope", "--step", "two"]);
  assert.match(unknown.stderr, /run w:p has no sub-run nope/);
  await on.write("go", "");
  const only = await on.run(["retry", "w", "-r", "p", "-s", id, "--step", "two"]);
  assert.equal(only.code, 0, only.stderr);
  assert.match(only.stdout, /dag: kid .*two .*succeeded.*three .*skipped/s);
  assert.equal(await on.read("log"), "one\ntwo\ntwo\n");
  const rest = await on.run(["retry", "w", "-r", "p", "-s", id, "--step", "two", "--downstream"]);
  assert.equal(rest.code, 0, rest.stderr);
  assert.equal(await on.read("log"), "one\ntwo\ntwo\ntwo\nthree\n");
  assert.match((await on.run(["status", "w", "-r", "p"])).stdout, /Result: Failed/);
  const above = await on.run(["retry", "w", "-r", "p"]);
  assert.equal(above.code, 0, above.stderr);
  assert.equal(await on.read("log"), "one\ntwo\ntwo\ntwo\nthree\nafter\n");
});

accept(
  "8.3 start --parent: a run below another, which knows its root; not with --from-run-id",
  `
steps:
  - id: a
    action: file.write
    with: {path: "@W/\${context.run.id}", content: "\${context.run.root_name} \${context.run.root_id} \${context.trigger.type}"}
`,
  [
    { args: ["start", "w.yaml", "-r", "top"] },
    { args: ["start", "w.yaml", "-r", "below", "--parent", "w:top"] },
    {
      args: ["start", "w.yaml", "-r", "lower", "--parent", "w:below", "--root", "w:top"],
      files: {
        top: "${context.run.root_name} ${context.run.root_id} manual",
        below: "w top subdag",
        lower: "w top subdag",
      },
    },
    {
      args: ["status", "w", "-r", "top", "-s", "lower", "--output", "json"],
      check: ({ stdout }) => {
        const { dagRunDetails: run } = JSON.parse(stdout);
        assert.deepEqual(
          [run.rootDAGRunName, run.rootDAGRunId, run.parentDAGRunId],
          ["w", "top", "below"],
        );
      },
    },
    {
      args: ["start", "w.yaml", "--parent", "w:below", "--root", "w:below"],
      code: 1,
      err: ["run w:below is not below w:below"],
    },
    { args: ["start", "w.yaml", "--parent", "w:no"], code: 1, err: ["there is no run w:no"] },
    { args: ["start", "w.yaml", "--root", "w:top"], code: 1, err: ["--root needs --parent"] },
    { args: ["start", "w.yaml", "--parent", "w"], code: 1, err: ['--parent must be NAME:RUN_ID, got "w"'] },
    {
      args: ["start", "w", "--from-run-id", "top", "--parent", "w:top"],
      code: 1,
      err: ["--from-run-id cannot be used with --parent"],
    },
    {
      args: ["start", "w", "--from-run-id", "top", "--root", "w:top"],
      code: 1,
      err: ["--from-run-id cannot be used with --root"],
    },
  ],
);

const ASKING = `steps:
  - {id: call, action: dag.run, with: {dag: kid, params: {N: "\${ITEM}"}}, parallel: [1, 2], retry_policy: {limit: 2, interval_sec: 0}}
  - {id: after, depends: call, run: "touch @W/after"}
  - {id: side, run: "touch @W/side"}
---
name: kid
params: {N: ""}
steps:
  - {id: work, run: "echo $N >> @W/works", approval: {prompt: "is $N well?"}}
`;

Deno.test("S-107 S-132 a step whose sub-runs wait for people waits, and goes on when the last of them is over", async () => {
  await using on = await openCase(ASKING);
  const start = await on.run(["start", "-r", "p", "w.yaml"]);
  assert.equal(start.code, 0, start.stderr);
  assert.match(
    start.stdout,
    /^Waiting .*call \[waiting\].*prompt: waits for kid:\S+, kid:\S+.*side .*\[succeeded\]/s,
  );
  assert.deepEqual([await on.read("side"), await on.read("after")], ["", null]);
  const [one = "", other = ""] = [...start.stdout.matchAll(/sub-run: kid:(\S+)/g)].map(([, id = ""]) => id);
  const approve = (id: string) => on.run(["approve", "w", "-r", "p", "-s", id, "--step", "work"]);
  assert.equal((await approve(one)).code, 0);
  assert.match((await on.run(["status", "w"])).stdout, /call \[waiting\]/);
  const last = await approve(other);
  assert.equal(last.code, 0, last.stderr);
  const { stdout } = await on.run(["status", "w", "-r", "p"]);
  assert.match(stdout, /"succeeded": 2,.*after .*\[succeeded\].*Result: Succeeded/s);
  assert.equal((await on.read("works"))?.split("\n").sort().join(), ",1,2");
});

Deno.test("S-107 S-132 a sub-run that is rejected while its parent waits fails the step, and is not tried again", async () => {
  await using on = await openCase(ASKING.replace("[1, 2]", "[1]").replace("limit: 2", "limit: 0"));
  const { stdout } = await on.run(["start", "-r", "p", "w.yaml"]);
  const [, id = ""] = /sub-run: kid:(\S+)/.exec(stdout) ?? [];
  const rejected = await on.run(["reject", "w", "-r", "p", "-s", id, "--step", "work"]);
  assert.equal(rejected.code, 0, rejected.stderr);
  const { stdout: end } = await on.run(["status", "w", "-r", "p"]);
  assert.match(end, /call .*\[failed\].*kid:\S+ ended rejected.*after \[aborted\]/s);
  assert.equal(await on.read("works"), "1\n");
});

Deno.test("R-38 S-132: below a start, what asks for a runner that nobody is fails its step; what asks for this one runs", async () => {
  for (const selector of ["step", "workflow"] as const) {
    const line = 'worker_selector: {gpu: "yes"}';
    await using on = await openCase(`steps:
  - {id: s, action: dag.run, with: {dag: kid}${selector === "step" ? `, ${line}` : ""}}
---
name: kid
${selector === "workflow" ? line : ""}
steps: [{id: k, run: "touch @W/k"}]
`);
    const refused = await on.run(["start", "w.yaml"]);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /worker_selector asks for gpu=yes, which no runner is/);
    assert.equal(await on.read("k"), null);
    assert.equal((await on.run(["start", "w.yaml"], { DAGU_RUNNER_LABELS: "gpu=yes" })).code, 0);
    assert.equal(await on.read("k"), "");
  }
});
