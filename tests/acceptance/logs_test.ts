/** `dagu logs` (control-plane contract CM-18). */
import assert from "node:assert/strict";
import { openCase } from "./case.ts";
import { accept, START } from "./harness.ts";

const TWO = `
steps:
  - id: build
    name: build it
    run: 'echo one; echo oops >&2; printf "no end"'
  - {id: quiet, run: "true", depends: build it}
  - {id: last, run: 'echo two', depends: quiet}
handler_on: {exit: {run: echo bye}}
`;
const run = (id: string): { readonly args: readonly string[] } => ({ args: [...START, "--run-id", id] });

accept(
  "CM-18 logs: all that was printed, each line under its step's name, in the order in which the steps began",
  TWO,
  [
    run("l1"),
    {
      args: ["logs", "w"],
      check: ({ stdout }) =>
        assert.equal(
          stdout,
          "build it │ one\nbuild it │ no end\nbuild it │ oops\nlast │ two\nonExit │ bye\n",
        ),
    },
    {
      args: ["logs", "w.yaml", "--run-id", "l1", "--stream", "stderr"],
      check: ({ stdout }) => assert.equal(stdout, "build it │ oops\n"),
    },
  ],
);

accept("CM-18 logs: of one step as it is, by its name or id, each stream apart", TWO, [
  run("l2"),
  {
    args: ["logs", "w", "--step", "build"],
    check: ({ stdout, stderr }) => assert.deepEqual([stdout, stderr], ["one\nno end", "oops\n"]),
  },
  {
    args: ["logs", "w", "--step", "build it", "--stream", "stdout"],
    check: ({ stdout, stderr }) => assert.deepEqual([stdout, stderr], ["one\nno end", ""]),
  },
]);

accept("CM-18 logs: what there is not is told", TWO, [
  { args: ["logs", "nothing-of-that-name"], code: 1, err: ["no run"] },
  run("l3"),
  {
    args: ["logs", "w", "--step", "bild"],
    code: 1,
    err: ['no step "bild"; its steps: build it, quiet, last'],
  },
  { args: ["logs", "w", "--stream", "both"], code: 1, err: ['invalid --stream "both"; use stdout, stderr'] },
  { args: ["logs", "w", "--sub-run-id", "x"], code: 1, err: ["--sub-run-id needs --run-id"] },
]);

Deno.test("CM-18 logs: --follow goes on to the run's end", async () => {
  await using on = await openCase(`
steps:
  - {id: s, run: 'echo first >&2; while [ ! -e @W/go ]; do sleep 0.1; done; echo second >&2'}
`);
  await using start = on.spawn(START);
  await start.said("first");
  await using logs = on.spawn(["logs", "w", "--step", "s", "-f"]);
  await logs.said("first");
  await using left = on.spawn(["logs", "w", "--step", "s", "--follow"]);
  await left.said("first");
  left.kill("SIGINT");
  assert.equal((await left.status).code, 130, "whoever has seen enough leaves the run alone");
  await on.write("go", "");
  assert.equal((await logs.status).code, 0);
  await logs.said("second");
  assert.equal((await start.status).code, 0);
});

Deno.test("CM-18 logs: of a run below the one that people know", async () => {
  await using on = await openCase(`steps: [{id: call, action: dag.run, with: {dag: kid}}]
---
name: kid
steps: [{id: inner, run: "echo from the kid"}]
`);
  assert.equal((await on.run([...START, "-q", "-r", "p"])).code, 0);
  const [, id = ""] = /sub-run: kid:(\S+)/.exec((await on.run(["status", "w"])).stdout) ?? [];
  assert.equal((await on.run(["logs", "w", "-r", "p", "-s", id])).stdout, "inner │ from the kid\n");
});
