/** Drives the run core without any machine: steps end as the script says, on a virtual clock. */
import { parseWorkflow } from "../../src/workflow/parse.ts";
import type { Workflow } from "../../src/workflow/workflow.ts";
import { execute } from "../../src/run/execute.ts";
import type { RunEventBody } from "../../src/run/event.ts";
import type { Failure } from "../../src/run/failure.ts";
import type { RunInputs } from "../../src/run/inputs.ts";
import type {
  Actions,
  Outcome,
  OutputSink,
  RunPorts,
  RunScope,
  StepCall,
  StopReason,
} from "../../src/run/ports.ts";
import type { RunState, StepState } from "../../src/run/state.ts";
import { newFakeClock } from "./fake-clock.ts";

/** What one try of a step does. Omitted: succeeds at once, silently. */
export interface Try {
  readonly exit?: number;
  readonly stdout?: string;
  /** Virtual milliseconds until it ends by itself. */
  readonly takesMs?: number;
  readonly failure?: Failure;
  readonly outputFile?: string;
}

export interface Scripted {
  /** Tries by node name; the last one repeats. */
  readonly script?: Readonly<Record<string, readonly Try[]>>;
  readonly params?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  /** What the dotenv files hold. */
  readonly dotenv?: Readonly<Record<string, string>>;
  /** Answers of command checks by command text; others are met. */
  readonly checks?: Readonly<Record<string, boolean>>;
  /** Virtual milliseconds that a command check takes, unless it is stopped. */
  readonly checksTakeMs?: number;
  /** What command substitutions print, by command text; others end with 9. */
  readonly prints?: Readonly<Record<string, string>>;
  /** Names of `params` that the caller gave; absent: all. */
  readonly given?: readonly string[];
  /** Virtual moment of a stop request. */
  readonly stopAfterMs?: number;
  readonly stopReason?: StopReason;
  /** Steps as an earlier attempt left them. */
  readonly resume?: readonly StepState[];
  readonly previousStdout?: Readonly<Record<string, string>>;
  /** The root container does not come up. */
  readonly openFailure?: Failure;
}

export interface Played {
  readonly state: RunState;
  readonly events: readonly RunEventBody[];
  readonly calls: readonly StepCall[];
  /** Command substitutions, in the order of their execution. */
  readonly substituted: readonly string[];
  /** Names in the order in which tries began. */
  readonly started: readonly string[];
  readonly mostAtOnce: number;
  /** Virtual milliseconds from start to end. */
  readonly tookMs: number;
  readonly opened: readonly RunScope[];
  /** Occasions of mails, with the step where one is meant. */
  readonly mailed: readonly string[];
  readonly isClosed: boolean;
}

export function workflowOf(yaml: string): Workflow {
  const { workflow, problems } = parseWorkflow(yaml, "load");
  if (workflow === null) throw new Error(problems.map((problem) => problem.message).join("; "));
  return workflow;
}

export async function play(yaml: string, options: Scripted = {}): Promise<Played> {
  const fake = newFakeClock();
  const { clock } = fake;
  const startedAt = clock.mono();
  const events: RunEventBody[] = [];
  const calls: StepCall[] = [];
  const substituted: string[] = [];
  const opened: RunScope[] = [];
  const mailed: string[] = [];
  let running = 0;
  let mostAtOnce = 0;
  let isClosed = false;

  const perform = async (call: StepCall, sink: OutputSink, signal: AbortSignal): Promise<Outcome> => {
    calls.push(call);
    mostAtOnce = Math.max(mostAtOnce, ++running);
    const tries = options.script?.[call.step] ?? [];
    const one = tries[Math.min(call.retry, tries.length - 1)] ?? {};
    if (one.stdout !== undefined) await sink.write("stdout", new TextEncoder().encode(one.stdout));
    if (one.takesMs !== undefined) await clock.sleep(one.takesMs, signal);
    running--;
    const exit = signal.aborted ? 143 : one.exit ?? 0;
    return {
      exitCode: exit,
      failure: one.failure ?? commandFailed(exit),
      outputFile: one.outputFile ?? null,
    };
  };
  const actions: Actions = {
    open: (scope) => {
      opened.push(scope);
      if (options.openFailure !== undefined) return Promise.resolve(options.openFailure);
      return Promise.resolve({
        perform: (call, sink, _report, signal) => perform(call, sink, signal),
        abandon: () => Promise.resolve(),
        stepDir: (dir) => dir ?? "/work/dir",
        files: (step) => ({
          stdout: `/logs/${step}.out`,
          stderr: `/logs/${step}.err`,
          output: `/tmp/${step}.output`,
        }),
        logsOf: (step) => ({ stdout: `/logs/${step}.out`, stderr: `/logs/${step}.err` }),
        redirect: () =>
          Promise.resolve({ write: () => Promise.resolve(), [Symbol.asyncDispose]: () => Promise.resolve() }),
        readText: () => Promise.resolve(""),
        [Symbol.asyncDispose]: () => {
          isClosed = true;
          return Promise.resolve();
        },
      });
    },
  };
  const ports: RunPorts = {
    clock,
    actions,
    checks: {
      command: async (text, _place, signal) => {
        if (options.checksTakeMs !== undefined) await clock.sleep(options.checksTakeMs, signal);
        return !signal.aborted && (options.checks?.[text] ?? true);
      },
      substitute: (text) => {
        substituted.push(text);
        const printed = options.prints?.[text] ?? null;
        return Promise.resolve(
          printed === null ? { ok: false, message: "exit status 9" } : { ok: true, text: printed },
        );
      },
    },
    children: {
      run: () => Promise.reject(new Error("the script has no children")),
      enqueue: () => Promise.reject(new Error("the script has no children")),
    },
    conceal: (text) => text,
    mails: {
      send: (occasion, { step }) => {
        mailed.push(step === null ? occasion : `${occasion} ${step}`);
        return Promise.resolve(null);
      },
    },
    surroundings: { dotenv: () => Promise.resolve({ values: options.dotenv ?? {}, warnings: [] }) },
    journal: {
      event: (body) => {
        events.push(body);
        return Promise.resolve();
      },
      log: () => Promise.resolve(),
    },
  };
  const stop = new AbortController();
  if (options.stopAfterMs !== undefined) {
    void clock.sleep(options.stopAfterMs).then(() =>
      stop.abort(options.stopReason ?? { kind: "cancelled", by: "a person", force: false })
    );
  }
  const done = execute(workflowOf(yaml), inputsOf(options), ports, stop.signal, new AbortController().signal);
  const state = await fake.runUntil(done);
  return {
    state,
    events,
    calls,
    substituted,
    started: calls.map((call) => call.step),
    mostAtOnce,
    tookMs: clock.mono() - startedAt,
    opened,
    mailed,
    isClosed,
  };
}

function inputsOf(options: Scripted): RunInputs {
  const values = options.params ?? {};
  return {
    name: "flow",
    dagRunId: "run-1",
    attemptId: "0190c0de-0000-7000-8000-000000000001",
    triggerType: "manual",
    triggerActor: "",
    scheduleTime: "",
    params: { values, json: JSON.stringify(values), given: options.given ?? Object.keys(values) },
    env: options.env ?? {},
    host: { PATH: "/usr/bin:/bin", HOME: "/home/runner" },
    imported: { PATH: "/usr/bin:/bin", HOME: "/home/runner" },
    paths: { workDir: "/work/dir", logFile: "/work/run.log", artifactsDir: null },
    secrets: {},
    root: null,
    isRetryDue: false,
    resume: options.resume === undefined ? null : { steps: options.resume },
    previousStdout: options.previousStdout ?? {},
    progress: null,
    engineVersion: "test",
    hostName: "test",
  };
}

function commandFailed(exit: number): Failure | null {
  return exit === 0 ? null : { code: "COMMAND_FAILED", message: `exit status ${exit}`, remedy: "" };
}

/** Status of every step and handler by name. */
export function statuses(state: RunState): Record<string, string> {
  return Object.fromEntries([...state.steps, ...state.handlers].map((step) => [step.name, step.status]));
}
