/** Files of a run on the runner's machine: logs by `log_dir` (S-60), the folder's layout (S-65). */
import assert from "node:assert/strict";
import { join } from "node:path";
import { accept, START } from "./harness.ts";

const RUN_FOLDER = /^dag-run_\d{8}_\d{6}Z_kept\d$/;

/** Contents by file name, without the time in it; several files of one step in the order of their times. */
async function filesOf(dir: string): Promise<Record<string, string[]>> {
  const folders = await Array.fromAsync(Deno.readDir(dir), (entry) => entry.name);
  const [folder = ""] = folders;
  assert.equal(folders.length, 1, folders.join());
  assert.match(folder, RUN_FOLDER);
  const files: Record<string, string[]> = {};
  const names = await Array.fromAsync(Deno.readDir(join(dir, folder)), (entry) => entry.name);
  for (const name of names.sort()) {
    const short = name.replace(/\.\d{8}_\d{6}_\d{3}\./, ".");
    files[short] = [...files[short] ?? [], await Deno.readTextFile(join(dir, folder, name))];
  }
  return files;
}

accept(
  "S-60 S-86 log_dir: .out and .err for each try, .log where both streams are one",
  `
log_dir: "@W/logs"
handler_on: {exit: {run: echo bye}}
steps:
  - id: twice
    retry_policy: {limit: 1, interval_sec: 0}
    stdout: "@W/redirected"
    run: 'echo out; printf "no end" >&2; test -e @W/x || { touch @W/x; exit 1; }; echo more'
  - id: both
    log_output: merged
    run: 'echo out; echo err >&2'
`,
  [{
    args: [...START, "--run-id", "kept1"],
    check: async (_result, folder) =>
      assert.deepEqual(await filesOf(join(folder, "logs", "w")), {
        "twice.out": ["out\n", "out\nmore\n"],
        "twice.err": ["no end", "no end"],
        "both.log": ["out\nerr\n"],
        "onExit.out": ["bye\n"],
        "onExit.err": [""],
      }),
  }],
);

accept(
  "S-86 X-03 each try has log files of its own, empty when it begins; a later step is given those of the last",
  `
steps:
  - id: a
    retry_policy: {limit: 2, interval_sec: 0}
    run: |
      wc -c < "$DAG_RUN_STEP_STDOUT_FILE" >> @W/sizes
      wc -c < '\${context.paths.step_stderr_file}' >> @W/sizes
      echo x >> @W/tries
      echo "try $(wc -l < @W/tries)"; echo err >&2
      [ "$(wc -l < @W/tries)" = 3 ]
  - {id: r, repeat_policy: {repeat: true, limit: 2}, run: 'wc -c < "$DAG_RUN_STEP_STDOUT_FILE"; echo more'}
  - {id: b, depends: [a, r], run: 'cat \${a.stdout} \${a.stderr} \${r.stdout} > @W/last'}
`,
  [{ args: START, files: { sizes: "0\n0\n0\n0\n0\n0\n", last: "try 3\nerr\n0\nmore\n" } }],
);

const TURNS = Array.from({ length: 40 }, (_, at) => at);
accept(
  "S-60 a merged log has the lines in the order of their writing; a failure quotes its end",
  `
log_dir: "@W/logs"
log_output: merged
steps:
  - {id: turns, run: '${TURNS.map((at) => `echo ${at}${at % 2 === 0 ? "" : " >&2"}`).join("; ")}; exit 3'}
  - {id: apart, run: 'echo out; echo err >&2', stdout: "@W/out"}
  - {id: exec, action: exec, with: {command: sh, args: [-c, 'echo 1; echo 2 >&2; echo 3']}}
`,
  [{
    args: [...START, "--run-id", "kept7"],
    code: 1,
    err: ["exit status 3", "recent stdout: 0; 1; 2; 3"],
    files: { out: "out\n" },
    check: async (_result, folder) => {
      const files = await filesOf(join(folder, "logs", "w"));
      assert.deepEqual(files["turns.log"], [`${TURNS.join("\n")}\n`]);
      assert.deepEqual(files["exec.log"], ["1\n2\n3\n"]);
      assert.deepEqual(files["apart.log"]?.map((text) => text.split("\n").sort()), [["", "err", "out"]]);
    },
  }],
);

accept(
  "S-60 1.3 without log_dir the files are where DAGU_LOG_DIR says, and the run's own log tells what happened",
  `
secrets: [{name: TOK, provider: env, key: MY_TOKEN}]
steps:
  - {id: a, run: 'echo "$TOK"; cp "$DAG_RUN_LOG_FILE" @W/early'}
  - {id: b, depends: a, run: 'echo "$DAG_RUN_LOG_FILE" > @W/path; exit 3'}
`,
  [{
    args: [...START, "--run-id", "kept3"],
    env: { MY_TOKEN: "s3cr3tvalue", DAGU_LOG_DIR: "all" },
    code: 1,
    files: { early: /info {2}attempt\.started .*\n.*info {2}step\.started step=a retry=0\n$/ },
    check: async (_result, folder) => {
      assert.deepEqual(await filesOf(join(folder, "all", "w")), {
        "a.err": [""],
        "a.out": ["*******\n"],
        "b.err": [""],
        "b.out": [""],
      });
      const log = await Deno.readTextFile((await Deno.readTextFile(join(folder, "path"))).trim());
      assert.match(log, /warn {2}step\.finished step=b status=failed exitCode=3 .*exit status 3/);
      assert.match(log, /warn {2}attempt\.finished status=failed/);
    },
  }],
);

accept(
  "S-65 artifacts of a retried run stay in one folder below artifacts.dir",
  `
artifacts: {dir: "@W/art"}
steps:
  - id: a
    run: 'echo one > $DAG_RUN_ARTIFACTS_DIR/one; test -e @W/x || { touch @W/x; exit 1; }; echo two > $DAG_RUN_ARTIFACTS_DIR/two'
`,
  [
    { args: [...START, "--run-id", "kept2"], code: 1 },
    {
      args: ["retry", "w", "--run-id", "kept2"],
      check: async (_result, folder) =>
        assert.deepEqual(await filesOf(join(folder, "art", "w")), { one: ["one\n"], two: ["two\n"] }),
    },
  ],
);

accept(
  "S-60 a log_dir that cannot be written costs no run; an artifacts.dir that cannot, does",
  "log_dir: /proc/nope\nsteps: [{id: a, run: echo hi}]",
  [
    { args: START, err: ["note: log_dir cannot be written"] },
    {
      args: ["start", "other.yaml"],
      write: { "other.yaml": "artifacts: {enabled: true, dir: /proc/nope}\nsteps: [{id: a, run: echo hi}]" },
      code: 1,
      err: ["the run's folders cannot be made"],
    },
  ],
);
