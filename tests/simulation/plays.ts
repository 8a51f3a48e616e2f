/** What the steps of a simulated run do, and which of them do it right now: the truth that no message can bend. */
import type { Failure } from "../../src/run/failure.ts";
import type { Actions, Clock, Outcome, OutputSink, StepCall } from "../../src/run/ports.ts";
import { lostTry } from "../../src/run/outcome.ts";
import type { ActionsOptions } from "../../src/runner/actions/open.ts";
import type { Random } from "./random.ts";
import type { Life } from "./timeline.ts";

/** One try of a step. */
export interface Try {
  readonly takesMs: number;
  readonly printsBytes: number;
  readonly exit: number;
  /** How long it goes on after a signal that asks it to end. */
  readonly stubbornMs: number;
}

/** Tries by workflow and step; the last one repeats. */
export type Plays = Map<string, readonly Try[]>;

export function playKey(workflow: string, step: string): string {
  return `${workflow}/${step}`;
}

/** Work of a user that is alive on some machine. */
export interface Deed {
  readonly run: string;
  readonly attempt: string;
  readonly machine: string;
  readonly life: Life;
}

export interface Stage {
  readonly plays: Plays;
  readonly alive: Set<Deed>;
  /** What steps printed: by attempt, step and stream. */
  readonly printed: Map<string, Printed[]>;
  /** Called whenever work begins. */
  onBegin(deed: Deed): void;
}

/** One piece of output. */
export interface Printed {
  readonly bytes: Uint8Array;
  readonly life: Life;
  /** There was room for it, and for all of the stream that came before in that life: one piece costs the rest (SP-03). */
  readonly isTaken: boolean;
}

const PRINTS = 4;
const KILL_MS = 100;

/** The actions of one attempt: they take time, print, end as their play says, or when they are stopped. */
export function newPlayedActions(
  stage: Stage,
  at: {
    readonly machine: string;
    readonly life: Life;
    readonly random: Random;
    readonly isFull: () => boolean;
  },
  options: ActionsOptions,
): Actions {
  const { run = "", workflow = "", attempt = "" } = options.labels(null);

  const perform = async (call: StepCall, sink: OutputSink, signal: AbortSignal): Promise<Outcome> => {
    // As on a host: processes of a runner that was killed are no more.
    if (call.interrupted !== null) return { exitCode: null, failure: lostTry("killed"), outputFile: null };
    const tries = stage.plays.get(playKey(workflow, call.step)) ?? [];
    const play = tries[Math.min(call.retry, tries.length - 1)];
    if (play === undefined) return { exitCode: 0, failure: null, outputFile: null };
    const deed: Deed = { run: `${workflow}:${run}`, attempt, machine: at.machine, life: at.life };
    stage.alive.add(deed);
    stage.onBegin(deed);
    try {
      for (let part = 0; part < PRINTS && !signal.aborted; part++) {
        await options.clock.sleep(play.takesMs / PRINTS, signal);
        if (!signal.aborted) await print(call.step, sink, Math.floor(play.printsBytes / PRINTS));
      }
      if (signal.aborted) await dieSlowly(options.clock, play, call.graceMs, options.hurry);
    } finally {
      stage.alive.delete(deed);
    }
    const exit = signal.aborted ? 143 : play.exit;
    return { exitCode: exit, failure: exit === 0 ? null : failedWith(exit), outputFile: null };
  };

  const print = async (step: string, sink: OutputSink, length: number): Promise<void> => {
    const bytes = at.random.bytes(length);
    const key = `${attempt}/${step}/stdout`;
    const isRoom = !at.isFull();
    await sink.write("stdout", bytes);
    // What a process printed and its runner had not taken when it was killed, nobody ever had: it goes with the try.
    const before = stage.printed.get(key) ?? [];
    const had = before.filter(({ life, isTaken }) => isTaken || life === at.life);
    const isTaken = isRoom && had.every((one) => one.isTaken);
    stage.printed.set(key, [...had, { bytes, life: at.life, isTaken }]);
  };

  return {
    open: () =>
      Promise.resolve({
        perform: (call, sink, _report, signal) => perform(call, sink, signal),
        abandon: () => Promise.resolve(),
        stepDir: (dir) => dir ?? options.workspace.workDir,
        files: (step) => ({ ...options.logFiles(step), output: `${options.workspace.attemptDir}/output` }),
        logsOf: (step) => options.knownLogFiles(step),
        redirect: () => Promise.reject(new Error("no play redirects")),
        readText: () => Promise.reject(new Error("no play reads texts")),
        [Symbol.asyncDispose]: () => Promise.resolve(),
      }),
  };
}

/** As a process does: it may ignore the signal until its time is over; nothing ignores SIGKILL. */
async function dieSlowly(clock: Clock, play: Try, graceMs: number, hurry: AbortSignal): Promise<void> {
  await clock.sleep(Math.min(play.stubbornMs, graceMs), hurry);
  await clock.sleep(KILL_MS);
}

function failedWith(exit: number): Failure {
  return { code: "COMMAND_FAILED", message: `exit status ${exit}`, remedy: "" };
}
