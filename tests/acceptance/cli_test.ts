/** The commands of the terminal (workflow-language contract 8, control-plane contract 8.1). */
import assert from "node:assert/strict";
import type { DaguResult } from "../support/dagu.ts";
import { openCase, openService, until } from "./case.ts";
import { accept, START } from "./harness.ts";

const ONE = `labels: [nightly, team=core]
params: "WHO=you"
steps: [{id: s, run: 'echo "to $WHO"; echo aside >&2'}]
`;

function history({ stdout }: DaguResult): { dagRunId: string; statusLabel: string; params: string }[] {
  return JSON.parse(stdout);
}

accept("C-8.4, CM-09 history: formats, filters, errors", ONE.replace("labels", "name: hist\nlabels"), [
  { args: ["history", "w.yaml", "--format", "json"], check: ({ stdout }) => assert.equal(stdout, "[]\n") },
  { args: ["history", "hist"], check: ({ stdout }) => assert.equal(stdout, "") },
  { args: ["start", "-q", "--run-id", "h1", "w.yaml"], isSilent: true },
  { args: ["start", "-q", "--run-id", "h2", "w.yaml", "--", "WHO=a,b"], isSilent: true },
  { args: ["history", "hist"], out: ["NAME", "h1", "h2", "succeeded"] },
  {
    args: ["history", "hist", "-f", "json"],
    check: (result) => assert.deepEqual(history(result).map((run) => run.dagRunId), ["h2", "h1"]),
  },
  {
    args: ["history", "w", "--format=csv", "--limit=1", "--last", "1h"],
    check: ({ stdout }) =>
      assert.match(
        stdout,
        /^name,dagRunId,.*\nhist,h2,succeeded,.*,"\{""WHO"":""a,b""\}",nightly team=core\n$/,
      ),
  },
  { args: ["history", "hist", "-r", "h1", "--labels", "nightly,team=core"], out: ["h1"], notOut: ["h2"] },
  { args: ["history", "hist", "--labels", "nightly,other", "-f", "json"], out: ["[]"] },
  { args: ["history", "hist", "--labels", "other", "--labels", "nightly", "-f", "json"], out: ["[]"] },
  { args: ["history", "hist", "--labels", "nightly", "--tags", "other", "-f", "json"], out: ["[]"] },
  { args: ["history", "hist", "--status", "failed,aborted", "-f", "json"], out: ["[]"] },
  { args: ["history", "hist", "--to", "2020-01-02", "-f", "json"], out: ["[]"] },
  { args: ["history", "hist", "--from", "2020-01-02T03:04:05Z"], out: ["h1"] },
  ...[
    ["--format", "xml"],
    ["--limit", "0"],
    ["--limit", "1001"],
    ["--from", "yesterday"],
    ["--to", "2026-13-40"],
    ["--last", "7"],
    ["--last", "7d", "--from", "2026-01-01"],
    ["--status", "happy"],
  ].map((flags) => ({
    args: ["history", "hist", ...flags],
    code: 1,
    err: ["dagu history:"],
    check: ({ stdout }: DaguResult) => assert.equal(stdout, ""),
  })),
]);

accept("C-8.4 restart: the same definition and parameters in a new run", ONE, [
  { args: [...START, "-q", "--run-id", "old", "--", "WHO=me"] },
  { args: ["restart", "w"], out: ["Result: Succeeded"], err: ["to me"] },
  {
    args: ["history", "w", "--format", "json"],
    check: (result) => {
      const [latest, old] = history(result);
      assert.deepEqual([old?.dagRunId, old?.params, latest?.params], ["old", '{"WHO":"me"}', '{"WHO":"me"}']);
      assert.notEqual(latest?.dagRunId, "old");
    },
  },
  { args: ["restart", "nobody"], code: 1, err: ["there is no run of nobody"] },
]);

accept(
  "C-8.4 enqueue and dequeue: confirmation on stdout, dequeued runs are aborted",
  `name: queued\n${ONE}`,
  [
    ...["e1", "e2", "e3"].map((id) => ({
      args: ["enqueue", "--run-id", id, "-u", "narrow", "--labels", "extra", "w.yaml", "--", `WHO=${id}`],
      check: ({ stdout }: DaguResult) => assert.equal(stdout, `enqueued queued:${id}\n`),
    })),
    { args: ["enqueue", "--run-id", "e1", "w.yaml"], code: 1, err: ["exists already"] },
    {
      args: ["history", "queued", "--labels", "extra,nightly", "--status", "queued"],
      out: ["e1", "e2", "e3"],
    },
    { args: ["dequeue", "narrow", "--dag-run", "queued:e2"], out: ["dequeued queued:e2\n"] },
    { args: ["dequeue", "narrow"], out: ["dequeued queued:e1\n"] },
    { args: ["dequeue", "wide", "-d", "queued:e3"], code: 1, err: ['in the queue "narrow"'] },
    { args: ["dequeue", "narrow", "-d", "queued:e1"], code: 1, err: ["is aborted, not queued"] },
    { args: ["dequeue", "narrow", "-d", "e3"], code: 1, err: ["NAME:ID"] },
    { args: ["dequeue", "narrow"], out: ["queued:e3"] },
    { args: ["dequeue", "narrow"], code: 1, err: ['no run waits in the queue "narrow"'] },
    { args: ["status", "queued", "-r", "e1"], out: ["Aborted", "taken out of the queue"] },
  ],
);

accept("C-8.4, CM-03 exec: the words of the command line as they are", "", [
  {
    args: [
      "exec",
      "-N",
      "wrapped",
      "--run-id",
      "x1",
      "-E",
      "A=$HOME",
      "--",
      "sh",
      "-c",
      'echo "$A/$1/$2"; pwd > pwd',
    ]
      .concat(["sh", "${params.x}", "\\$B  c"]),
    out: ["dag: wrapped", "Result: Succeeded"],
    err: ["$HOME/${params.x}/\\$B  c"],
    check: async (_, folder) =>
      assert.equal(await Deno.readTextFile(`${folder}/pwd`), `${await Deno.realPath(folder)}\n`),
  },
  { args: ["exec", "--shell", "sh", "--", "echo one |", "tr o x; echo $((1 + 1))"], err: ["xne", "│ 2"] },
  { args: ["exec", "-q", "--", "true"], isSilent: true },
  {
    args: ["exec", "-q", "--", "false"],
    code: 1,
    err: ["failed to execute the dag-run exec-false (dag-run ID: "],
    check: ({ stdout }) => assert.equal(stdout, ""),
  },
  { args: ["exec"], code: 1, err: ["the command is missing"] },
  { args: ["history", "wrapped", "-f", "json"], out: ['"x1"'] },
]);

accept(
  "C-10, C-13 status: the last lines of each log, sub-runs, unknown runs",
  `name: parent
steps:
  - {id: much, run: 'for i in $(seq 60); do echo "line $i"; done; echo aside >&2'}
  - {id: call, action: dag.run, with: {dag: kid}}
---
name: kid
steps: [{id: inner, run: "echo from the kid"}]
`,
  [
    { args: [...START, "-r", "p1"], out: ["... 10 lines before", "line 60"], err: ["line 1\n", "line 60"] },
    {
      args: ["status", "parent", "--run-id", "p1"],
      out: [
        "... 10 lines before",
        "line 11\n",
        "line 60",
        "stderr:",
        "aside",
        "sub-run: kid:",
        "Result: Succeeded",
      ],
      notOut: ["line 10\n"],
    },
    { args: ["status", "w.yaml"], out: ["dag: parent"] },
    { args: ["status", "parent", "--sub-run-id", "x"], code: 1, err: ["--sub-run-id needs --run-id"] },
    { args: ["status", "parent", "-r", "p1", "-s", "x"], code: 1, err: ["has no sub-run x"] },
    { args: ["status", "parent", "-r", "p2"], code: 1, err: ["there is no run parent:p2"] },
  ],
);

Deno.test("C-8.4 status --sub-run-id shows a run that a step started", async () => {
  await using on = await openCase(`steps: [{id: call, action: dag.run, with: {dag: kid}}]
---
name: kid
steps: [{id: inner, run: "echo from the kid"}]
`);
  assert.equal((await on.run(["start", "-q", "-r", "p", "w.yaml"])).code, 0);
  const [, id = ""] = /sub-run: kid:(\S+)/.exec((await on.run(["status", "w"])).stdout) ?? [];
  const { stdout } = await on.run(["status", "w", "-r", "p", "-s", id]);
  assert.match(stdout, /dag: kid .*inner .*from the kid/s);
  const all = await on.run(["history", "--format", "json"]);
  assert.deepEqual(
    history(all).map((run) => run.dagRunId),
    ["p"],
    "sub-runs are in the history of their name only",
  );
  assert.match((await on.run(["history", "kid"])).stdout, new RegExp(id));
  assert.equal((await on.run(["cleanup", "w", "--yes"])).stdout, "w:p\n");
  assert.equal(
    (await on.run(["history", "kid", "-f", "json"])).stdout,
    "[]\n",
    "they go with the run that started them",
  );
});

Deno.test("C-8.4, CM-10, CM-11 ls, rm and cleanup", async () => {
  await using on = await openCase(ONE);
  const env = { DAGU_DAGS_DIR: "@W" };
  await on.write("other.yml", "name: named\nsteps: [{id: s, run: exit 1}]\n");
  const out = async (...args: string[]) => (await on.run(args, env)).stdout;
  assert.equal(await out("ls"), "named\nw\n");
  assert.equal(await out("ls", "-r"), "w\nnamed\n");
  assert.equal(await out("ls", "n?m*"), "named\n");
  for (const id of ["r1", "r2"]) await on.run(["start", "-q", "-r", id, "w.yaml"]);
  await on.run(["start", "-q", "-r", "r3", "other.yml"]);
  await on.run(["enqueue", "-q", "-r", "r4", "w.yaml"]);
  assert.match(await out("ls", "-l", "-H", "-t", "w"), /^NAME .*\nw .* queued succeeded succeeded\n$/s);

  const asked = await on.run(["cleanup", "w"]);
  assert.deepEqual([asked.code, asked.stdout], [1, ""], "without a terminal nobody can be asked");
  assert.equal(await out("cleanup", "w", "--retention-days", "1", "--yes"), "");
  const longAgo = ["cleanup", "w", "--retention-days", "99999", "--yes"];
  assert.deepEqual(await on.run([...longAgo, "-q"]), { code: 0, stdout: "", stderr: "" });
  assert.equal(await out("cleanup", "w", "--dry-run"), "w:r1\nw:r2\n");
  assert.equal(await out("rm", "w", "-H", "-t", "1d", "-f"), "");
  assert.equal((await on.run(["rm", "w", "-f"])).code, 1, "what to delete must be said");
  assert.equal(await out("rm", "w", "--history", "--force"), "w:r1\nw:r2\n");
  const left = JSON.parse(await out("history", "w", "-f", "json"));
  assert.deepEqual(left.map((run: { dagRunId: string }) => run.dagRunId), ["r4"], "active runs stay");
  assert.equal((await on.run(["status", "w", "-r", "r1"])).code, 1);
  assert.equal((await on.run(["cleanup", "w", "--retention-days=-1", "--yes"])).code, 1);

  await out("rm", "named", "-d", "--dry-run");
  assert.notEqual(await on.read("other.yml"), null);
  assert.equal((await on.run(["rm", "named", "-d", "-f"], env)).code, 0);
  assert.equal(await on.read("other.yml"), null);
  assert.equal(
    await out("history", "named", "-f", "csv").then((text) => text.split("\n").length),
    3,
    "history stays",
  );
});

Deno.test("CM-06, CM-12 ps and restart while a server runs the workflow", async () => {
  await using on = await openCase(
    `steps: [{id: s, run: 'echo x >> @W/log; while [ ! -e @W/go ]; do sleep 0.1; done'}]\n`,
  );
  await using service = await openService(on);
  await on.run(["enqueue", "-r", "first", "w.yaml"]);
  await until("the run has started", () => on.read("log"));
  assert.match((await on.run(["ps", "-d", "w", "-r", "irs"])).stdout, /w +first/);
  assert.equal((await on.run(["ps", "-r", "second"])).stdout, "");
  assert.equal((await on.run(["ls"])).stdout, "w\n");
  const restart = on.run(["restart", "w", "--run-id", "first"]);
  await until("the second run has started", async () => await on.read("log") === "x\nx\n" ? true : null);
  assert.equal(await service.status("first"), "aborted");
  await on.write("go", "");
  assert.equal((await restart).code, 0);
});

accept("C-01 wrong command lines exit 1 with stdout empty", ONE, [
  ...[
    ["nonsense"],
    ["start"],
    ["start", "--nonsense", "w.yaml"],
    ["validate"],
    ["validate", "a", "b"],
    ["status"],
    ["stop"],
    ["stop", "nobody"],
    ["retry", "w"],
    ["enqueue"],
    ["enqueue", "missing.yaml"],
    ["dequeue"],
    ["ps", "x"],
    ["status", "w", "--", "x"],
  ].map((args) => ({ args, code: 1, check: ({ stdout }: DaguResult) => assert.equal(stdout, "") })),
  { args: ["coordinator"], err: ["there is no coordinator"] },
  { args: ["scheduler"], err: ["there is no scheduler"] },
]);

accept(
  "C-01, C-02 a failed run shows no usage; --quiet leaves the error",
  "steps: [{id: s, run: exit 3}]\n",
  [
    {
      args: START,
      code: 1,
      out: ["Result: Failed"],
      notErr: ["Usage"],
      err: ["failed to execute the dag-run w"],
    },
    {
      args: ["start", "-q", "w.yaml"],
      code: 1,
      err: ["failed to execute the dag-run w"],
      notErr: ["│", "Usage"],
      check: ({ stdout }) => assert.equal(stdout, ""),
    },
  ],
);
