/** Clauses of acceptance cases that need more than the streams and files of one call: time, the log files, the history. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { openCase } from "./case.ts";
import { accept, START } from "./harness.ts";

Deno.test("T-33: no file of the home holds the secret", async () => {
  await using on = await openCase(`secrets:
  - {name: TOK, provider: env, key: MY_TOKEN}
steps: [{id: s, run: 'echo "$TOK"; echo "$TOK" >&2', output: V}, {id: t, depends: s, run: 'echo "$V"; exit 1'}]
`);
  const { code } = await on.run(START, { MY_TOKEN: "s3cr3tvalue" });
  assert.equal(code, 1);
  const paths = await filesBelow(on.home);
  assert.ok(paths.length > 0, on.home);
  for (const path of paths) {
    const text = new TextDecoder("latin1").decode(await Deno.readFile(path));
    assert.ok(!text.includes("s3cr3tvalue"), path);
  }
});

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(folder));
  const below = await Promise.all(entries.map((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory ? filesBelow(path) : entry.isFile ? [path] : [];
  }));
  return below.flat();
}

accept(
  "T-46: nothing is left beside the file",
  `steps:
  - {id: a, run: "echo 1 > f"}
  - {id: b, depends: a, run: 'cat f > @W/o; test "$PWD" = "$DAG_RUN_WORK_DIR" && touch @W/same'}
`,
  [START, START].map((args) => ({
    args,
    check: async (_, folder) => {
      const names = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort();
      assert.deepEqual(names, ["o", "same", "w.yaml"]);
    },
  })),
);

for (
  const [title, limitMs, yaml] of [
    [
      "T-47: a step's time limit is kept, and not tried again",
      10_000,
      'steps: [{id: s, run: "sleep 30", timeout_sec: 1, retry_policy: {limit: 2, interval_sec: 0}}]\n',
    ],
    [
      "T-70: a run's time limit is kept",
      15_000,
      'timeout_sec: 1\nhandler_on: {failure: {run: "true"}}\nsteps: [{id: s, run: "sleep 30"}]\n',
    ],
  ] as const
) {
  Deno.test(title, async () => {
    await using on = await openCase(yaml);
    const began = performance.now();
    const { code, stdout } = await on.run(START);
    const tookMs = performance.now() - began;
    assert.equal(code, 1, stdout);
    assert.ok(tookMs < limitMs, `it took ${tookMs} ms`);
  });
}

/** Lines of the summary that the cases name, by step and token. */
for (
  const [title, yaml, ...lines] of [
    [
      "T-59: a pattern that no line matches skips the step",
      'steps: [{id: s, preconditions: [{condition: "v12 beta", expected: "re:^v[0-9]+$"}], run: "true"}]\n',
      /s .*\[skipped\]/,
    ],
    [
      "T-65: mark_success makes the step succeeded",
      'steps: [{id: a, run: "exit 8", continue_on: {exit_code: 8, mark_success: true}}]\n',
      /a .*\[succeeded\]/,
      /Result: Succeeded/,
    ],
    [
      "T-83: without its fallbacks the step fails",
      `harnesses:
  broken: {binary: sh, prefix_args: ["-c", "exit 9"]}
  works: {binary: sh, prefix_args: ["-c", "echo kept"]}
harness: {provider: broken, fallback: [{provider: works}]}
steps:
  - {id: a, action: harness.run, with: {prompt: hi}}
  - {id: b, action: harness.run, with: {prompt: hi, fallback: []}, continue_on: failed}
`,
      /a .*\[succeeded\]/,
      /b .*\[failed\]/,
      /Result: Partially Succeeded/,
    ],
  ] as const
) {
  accept(title, yaml, [{
    args: START,
    check: ({ stdout }) => {
      for (const line of lines) assert.match(stdout, line);
    },
  }]);
}

Deno.test("T-95: a dry run is not in the history", async () => {
  await using on = await openCase(`steps:
  - {id: bad, run: "exit 4"}
  - {id: after, depends: bad, run: "touch @W/after"}
  - {id: side, run: "sleep 1; touch @W/side"}
`);
  const { code, stdout } = await on.run(["dry", "w.yaml"]);
  assert.equal(code, 0);
  for (const id of ["bad", "after", "side"]) assert.match(stdout, new RegExp(`${id} .*\\[succeeded\\]`));
  assert.deepEqual([await on.read("after"), await on.read("side")], [null, null]);
  const history = await on.run(["history", "w", "--format", "json"]);
  assert.equal(history.code, 0, history.stderr);
  assert.equal(history.stdout.trim(), "[]");
});
