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
