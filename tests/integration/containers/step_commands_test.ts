/** Several commands of one step in one container (containers contract 4.5). */
import assert from "node:assert/strict";
import { removeContainer } from "../../../src/runner/containers/api/container.ts";
import type { ShellCommand } from "../../../src/runner/containers/shell.ts";
import { runStepCommands } from "../../../src/runner/containers/step-container.ts";
import { CANCEL, collect, exitOf, IDLE, onEachEngine, reporter, stateOf, STOP, textOf } from "./bench.ts";

function plain(...argv: string[]): ShellCommand {
  return { argv, file: null };
}

onEachEngine("AC-40 4.5 several commands share one container and end at the first failure", async (bench) => {
  const out = collect();
  const report = reporter();
  const shell = (text: string) => plain("/bin/sh", "-e", "-c", text);
  const commands = ["echo one > /tmp/x", "cat /tmp/x; exit 4", "echo three"].map(shell);
  const outcome = await runStepCommands(bench.engine, bench.request(), commands, STOP, out, report, IDLE);
  assert.equal(exitOf(outcome), "4 COMMAND_FAILED");
  assert.match(textOf(outcome), /command 2/);
  assert.equal(out.text("stdout"), "one\n");
  assert.equal(report.facts.length, 1);
});

onEachEngine("AC-78 4.5.2 several commands in a kept container: it is stopped and stays", async (bench) => {
  const report = reporter();
  const commands = [plain("echo", "1"), plain("echo", "2")];
  const request = bench.request({ keepContainer: true });
  const outcome = await runStepCommands(bench.engine, request, commands, STOP, collect(), report, IDLE);
  assert.equal(exitOf(outcome), "0", textOf(outcome));
  const [kept = ""] = await bench.left();
  assert.equal(await stateOf(bench.engine, kept), "exited");
  await removeContainer(bench.engine.socket, kept, true, IDLE);
});

onEachEngine("4.5.1 a stop ends the command that runs and starts no other", async (bench) => {
  const stop = new AbortController();
  const out = collect();
  const commands = ["echo first; sleep 300", "echo second"].map((text) => plain("/bin/sh", "-c", text));
  const running = runStepCommands(
    bench.engine,
    bench.request(),
    commands,
    STOP,
    out,
    reporter(),
    stop.signal,
  );
  await out.seen("first\n");
  stop.abort(CANCEL);
  assert.equal((await running).failure?.code, "CANCELLED");
  assert.equal(out.text("stdout"), "first\n");
});

onEachEngine("2.10.4 F50 a main process that ends fails the step before its first command", async (bench) => {
  const request = bench.request({
    startup: "command",
    command: ["sh", "-c", "echo boom >&2; exit 9"],
    logPattern: "never",
  });
  const commands = [plain("true")];
  const outcome = await runStepCommands(bench.engine, request, commands, STOP, collect(), reporter(), IDLE);
  assert.equal(outcome.failure?.code, "READINESS_FAILED");
  assert.match(textOf(outcome), /9[^]*boom/);
});
