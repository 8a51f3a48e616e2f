import type { Checks, Clock, CommandPlace, OutputSink, Substituted } from "../run/ports.ts";
import { newCapture } from "../run/output.ts";
import { openDeadline, openStop, stopReason } from "../run/stop.ts";
import { chooseShell, commandArgv } from "./actions/shell.ts";
import type { Environment } from "./actions/environment.ts";
import type { RunPolicy } from "./policy.ts";
import { type ProcessEnd, runProcess } from "./process.ts";
import { runDirectory, type RunPlaces } from "./run-directory.ts";

const CHECK_GRACE_MS = 5_000;
const SUBSTITUTION_LIMIT_SEC = 2;
/** A value that is longer goes into no field. */
const SUBSTITUTION_MAX = 1_048_576;
const NOWHERE = { write: (): Promise<void> => Promise.resolve() };

export interface ChecksOptions extends RunPlaces {
  readonly attemptId: string;
  readonly policy: RunPolicy;
  readonly clock: Clock;
  /** What host processes may see of the runner's environment. */
  readonly hostEnv: Environment;
  readonly runnerEnv: Readonly<Record<string, string>>;
}

/**
 * Commands of preconditions and of `eval`, on this machine. The shell gets no `-e`: the last command decides
 * (V-60, S-71).
 */
export function newChecks(options: ChecksOptions): Checks {
  return {
    command: async (text, place, signal) => {
      const refused = options.policy.command();
      if (refused !== null) return refused;
      const rules = { signal: "SIGTERM", graceMs: CHECK_GRACE_MS };
      const end = await runCommand(options, text, place, rules, NOWHERE, signal);
      return end.kind === "exited" && end.exitCode === 0;
    },
    substitute: (text, place, signal) => substitute(options, text, place, signal),
  };
}

async function substitute(
  options: ChecksOptions,
  text: string,
  place: CommandPlace,
  signal: AbortSignal,
): Promise<Substituted> {
  const refused = options.policy.command();
  if (refused !== null) return { ok: false, message: refused.message };
  const capture = newCapture(SUBSTITUTION_MAX);
  using stop = openStop(signal);
  using _deadline = openDeadline(options.clock, SUBSTITUTION_LIMIT_SEC, "step", stop);
  const sink: OutputSink = {
    write: (stream, bytes) => {
      if (stream === "stdout") capture.add(bytes);
      return Promise.resolve();
    },
  };
  const end = await runCommand(options, text, place, { signal: "SIGKILL", graceMs: 0 }, sink, stop.signal);
  const stopped = stopReason(stop.signal);
  if (stopped?.kind === "timeout" && !signal.aborted) {
    return { ok: false, message: `timed out after ${SUBSTITUTION_LIMIT_SEC} s` };
  }
  if (stopped !== null) return { ok: false, message: "the run was stopped" };
  if (end.kind === "not_started") return { ok: false, message: end.message };
  if (end.exitCode !== 0) return { ok: false, message: `exit status ${end.exitCode}` };
  return capture.isOverLimit
    ? { ok: false, message: `printed more than ${SUBSTITUTION_MAX} bytes` }
    : { ok: true, text: capture.text() };
}

async function runCommand(
  options: ChecksOptions,
  text: string,
  place: CommandPlace,
  rules: { readonly signal: string; readonly graceMs: number },
  sink: OutputSink,
  signal: AbortSignal,
): Promise<ProcessEnd> {
  const cwd = runDirectory(options, place.workingDir);
  try {
    await Deno.mkdir(cwd, { recursive: true });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return {
      kind: "not_started",
      reason: "other",
      message: `cannot use the working directory ${cwd}: ${why}`,
    };
  }
  const { words } = chooseShell(null, place.shell, options.runnerEnv);
  const request = {
    argv: commandArgv({ words, isStepLevel: true }, text),
    env: { ...options.hostEnv, ...place.env, PWD: cwd },
    cwd,
    stdin: null,
    owner: options.attemptId,
  };
  return await runProcess(
    options.clock,
    request,
    { ...rules, hurry: new AbortController().signal },
    sink,
    signal,
  );
}
