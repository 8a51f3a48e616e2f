import assert from "node:assert/strict";
import type { ResolvedAction } from "../../../src/run/ports.ts";
import type { HarnessDefinition } from "../../../src/workflow/workflow.ts";
import { openHostBench } from "../../support/host-actions.ts";

type Run = Extract<ResolvedAction, { name: "run" }>;
const command = (text: string): Run => ({
  name: "run",
  form: "command",
  texts: [text],
  shell: null,
  shellArgs: [],
});
const script = (text: string, shell: readonly string[] | null = null): Run => ({
  name: "run",
  form: "script",
  texts: [text],
  shell,
  shellArgs: [],
});
const list = (...texts: string[]): Run => ({ name: "run", form: "list", texts, shell: null, shellArgs: [] });

Deno.test("S-30 a failing command says its code and the end of its stderr", async () => {
  await using bench = await openHostBench();
  const { outcome } = await bench.perform({ action: command("echo first >&2; echo why >&2; exit 3") });
  assert.equal(outcome.exitCode, 3);
  assert.equal(outcome.failure?.code, "COMMAND_FAILED");
  assert.equal(outcome.failure?.message, "exit status 3\nrecent stderr:\nfirst\nwhy");
});

Deno.test("S-23 the default shell stops at the first failing command of a script", async () => {
  await using bench = await openHostBench();
  const strict = await bench.perform({ action: script("echo a\nfalse\necho b\n") });
  assert.deepEqual([strict.stdout, strict.outcome.exitCode], ["a\n", 1]);
  const lenient = await bench.perform({ action: script("echo a\nfalse\necho b\n", ["sh"]) });
  assert.deepEqual([lenient.stdout, lenient.outcome.exitCode], ["a\nb\n", 0]);
});

Deno.test("S-27 a shebang chooses the interpreter, found on the step's PATH", async () => {
  await using bench = await openHostBench();
  const { stdout } = await bench.perform({ action: script("#!/usr/bin/env -S sed -n 2p\nonly this line\n") });
  assert.equal(stdout, "only this line\n");
});

Deno.test("S-28 line breaks of a script are kept; S-29 no message shows the file or the text", async () => {
  await using bench = await openHostBench();
  const { stdout, outcome } = await bench.perform({
    action: script("printf '%s' 'a\n\nb'\nno-such-secret-program\n"),
  });
  assert.equal(stdout, "a\n\nb");
  assert.equal(outcome.exitCode, 127);
  assert.match(outcome.failure?.message ?? "", /recent stderr:\nline 4: no-such-secret-program/);
  assert.doesNotMatch(outcome.failure?.message ?? "", new RegExp(bench.workspace.attemptDir));
});

Deno.test("S-20 a list stops at the first failure, names it, and starts a fresh shell each time", async () => {
  await using bench = await openHostBench();
  const { stdout, outcome } = await bench.perform({
    action: list("cd /; X=1; echo one", 'echo "[$X]"; pwd', "exit 4", "echo never"),
  });
  assert.equal(stdout, `one\n[]\n${bench.workspace.workDir}\n`);
  assert.equal(outcome.exitCode, 4);
  assert.match(outcome.failure?.message ?? "", /^command 3 failed: exit status 4/);
});

Deno.test("S-21 a value that brings a line break into a command is refused before anything runs", async () => {
  await using bench = await openHostBench();
  const { stdout, outcome } = await bench.perform({ action: command("echo a\necho b") });
  assert.equal(stdout, "");
  assert.match(outcome.failure?.message ?? "", /resolved command text.*line break/);
});

Deno.test("S-36 S-33 S-39 the working directory: the run's own, the step's against it, made when missing, ~", async () => {
  await using bench = await openHostBench({ scope: { workingDir: "base" } });
  const own = await bench.perform({ action: command("pwd; echo $PWD") });
  assert.equal(own.stdout, `${bench.workspace.workDir}/base\n`.repeat(2));
  const step = await bench.perform({ action: command("pwd"), workingDir: "./x/../y" });
  assert.equal(step.stdout, `${bench.workspace.workDir}/base/y\n`);
});

Deno.test("S-42 S-43 each try has an empty output file; it is read after success only, and removed", async () => {
  await using bench = await openHostBench();
  const good = await bench.perform({
    action: command('test ! -s "$DAGU_OUTPUT_FILE" && echo tag=1 >> "$DAGU_OUTPUT_FILE"'),
  });
  assert.deepEqual(good.outcome, { exitCode: 0, failure: null, outputFile: "tag=1\n" });
  const bad = await bench.perform({ action: command('echo tag=1 >> "$DAGU_OUTPUT_FILE"; exit 1') });
  assert.equal(bad.outcome.outputFile, null);
  const none = await bench.perform({ action: command("true") });
  assert.equal(none.outcome.outputFile, "");
  assert.deepEqual([...Deno.readDirSync(bench.workspace.attemptDir)], []);
});

Deno.test("S-44 S-48 an output file that is too large, or no text, fails the step", async () => {
  await using bench = await openHostBench();
  const large = await bench.perform({
    action: command('head -c 101 /dev/zero > "$DAGU_OUTPUT_FILE"'),
    maxOutputSize: 100,
  });
  assert.match(large.outcome.failure?.message ?? "", /exceeded maximum size limit of 100 bytes/);
  const binary = await bench.perform({ action: command('printf "\\377" > "$DAGU_OUTPUT_FILE"') });
  assert.match(binary.outcome.failure?.message ?? "", /not valid UTF-8/);
});

Deno.test("0.3 a shell that is not there is 127, not a failing command", async () => {
  await using bench = await openHostBench({ scope: { shell: ["no-such-shell"] } });
  const { outcome } = await bench.perform({ action: command("true") });
  assert.deepEqual([outcome.exitCode, outcome.failure?.code], [127, "COMMAND_NOT_FOUND"]);
});

Deno.test("X-08 a step sees its scope and the filtered environment, nothing of the service", async () => {
  await using bench = await openHostBench({
    runnerEnv: { PATH: "/usr/bin:/bin", DATABASE_URL: "postgres://secret", DAGU_HOME: "/x" },
  });
  const { stdout } = await bench.perform({ action: command("env"), scopeEnv: { GREETING: "hi" } });
  assert.match(stdout, /^GREETING=hi$/m);
  assert.doesNotMatch(stdout, /DATABASE_URL|DAGU_HOME/);
});

Deno.test("MK-03 a registered value never reaches the log", async () => {
  await using bench = await openHostBench({ secrets: ["hunter2hunter2"] });
  const { stdout } = await bench.perform({ action: command("printf hunter2; sleep 0.1; printf hunter2x") });
  assert.equal(stdout, "*******x");
});

// ---- harness.run ------------------------------------------------------------------------------------------------

function harness(binary: string, more: Partial<HarnessDefinition> = {}): HarnessDefinition {
  return {
    binary,
    prefixArgs: [],
    promptMode: "arg",
    promptFlag: null,
    promptPosition: "before_flags",
    flagStyle: "gnu_long",
    optionFlags: {},
    ...more,
  };
}

/** A CLI that tells how it was called. */
const FAKE_CLI = `#!/bin/sh
for arg in "$@"; do printf '<%s>' "$arg"; done
echo "[$(cat)]"
case "$*" in *break*) echo broken >&2; exit 9;; esac
`;

async function openHarnessBench(): Promise<Awaited<ReturnType<typeof openHostBench>>> {
  const bench = await openHostBench({
    scope: {
      harnesses: {
        fake: harness("./cli"),
        piped: harness("./cli", { promptMode: "stdin" }),
        missing: harness("no-such-agent"),
      },
    },
  });
  await Deno.writeTextFile(`${bench.workspace.workDir}/cli`, FAKE_CLI, { mode: 0o755 });
  return bench;
}

function tries(...providers: string[]): Extract<ResolvedAction, { name: "harness.run" }>["tries"] {
  return providers.map((provider) => ({ provider, flags: {}, fallback: null }));
}

Deno.test("7.4.6 prompt, flags and standard input reach the CLI as they are, without a shell", async () => {
  await using bench = await openHarnessBench();
  const prompt = 'say "$HOME" `x`\n  twice\n';
  const arg = await bench.perform({
    action: {
      name: "harness.run",
      prompt,
      stdin: "data",
      tries: [{ provider: "fake", flags: { model: "m" }, fallback: null }],
    },
  });
  assert.equal(arg.stdout, `<${prompt}><--model><m>[data]\n`);
  const piped = await bench.perform({
    action: { name: "harness.run", prompt, stdin: null, tries: tries("piped") },
  });
  assert.equal(piped.stdout.replace(/\s+/g, " "), `[${prompt}] `.replace(/\s+/g, " ").replace(" ]", "]"));
});

Deno.test("7.8 a failing CLI keeps its code and shows both ends; a missing one is 127", async () => {
  await using bench = await openHarnessBench();
  const failed = await bench.perform({
    action: { name: "harness.run", prompt: "break", stdin: null, tries: tries("fake") },
  });
  assert.equal(failed.outcome.exitCode, 9);
  assert.equal(
    failed.outcome.failure?.message,
    "exit status 9\nrecent stderr:\nbroken\nrecent stdout:\n<break>[]",
  );
  const missing = await bench.perform({
    action: { name: "harness.run", prompt: "x", stdin: null, tries: tries("missing") },
  });
  assert.deepEqual([missing.outcome.exitCode, missing.outcome.failure?.code], [127, "COMMAND_NOT_FOUND"]);
  const unknown = await bench.perform({
    action: { name: "harness.run", prompt: "x", stdin: null, tries: tries("nobody") },
  });
  assert.equal(unknown.outcome.exitCode, 1);
  assert.match(unknown.outcome.failure?.message ?? "", /unknown harness provider "nobody"; known: .*fake/);
});

Deno.test("7.6 the first success counts; stdout of failed tries stays out, its end goes to stderr", async () => {
  await using bench = await openHostBench({
    scope: {
      harnesses: {
        bad: harness("sh", { prefixArgs: ["-c", "echo half; echo oops >&2; exit 5"] }),
        good: harness("echo"),
      },
    },
  });
  const { stdout, stderr, outcome } = await bench.perform({
    action: { name: "harness.run", prompt: "hello", stdin: null, tries: tries("bad", "good", "never") },
  });
  assert.equal(outcome.failure, null);
  assert.equal(stdout, "hello\n");
  assert.match(
    stderr,
    /oops\n.*recent stdout \(tail\).*\nhalf\n.*attempt 1\/3 \(bad\) failed; next: 2\/3 \(good\)\n$/s,
  );
});

Deno.test("7.6.4 when all fail the last one speaks; 7.6.1 a stop starts no other", async () => {
  await using bench = await openHostBench({
    scope: {
      harnesses: {
        bad: harness("sh", { prefixArgs: ["-c", "exit 5"] }),
        worse: harness("sh", { prefixArgs: ["-c", "exit 6"] }),
      },
    },
  });
  const all = await bench.perform({
    action: { name: "harness.run", prompt: "x", stdin: null, tries: tries("bad", "worse") },
  });
  assert.equal(all.outcome.exitCode, 6);
  const stop = AbortSignal.abort({ kind: "cancelled", by: "test", force: false });
  const stopped = await bench.perform({
    action: { name: "harness.run", prompt: "x", stdin: null, tries: tries("bad", "worse") },
  }, stop);
  assert.equal(stopped.outcome.exitCode, 124);
  assert.equal(stopped.stderr, "");
});
