/** All that the run core asks of the world. Implemented by `runner/`, by fakes with a virtual clock in tests. */
import type { NamedCall } from "../workflow/actions/names.ts";
import type {
  Container,
  HandlerName,
  HarnessConfig,
  HarnessDefinition,
  ResourceLimits,
  StepAction,
} from "../workflow/workflow.ts";
import type { ContainerFacts, RunEventBody } from "./event.ts";
import type { Failure } from "./failure.ts";

export interface Clock {
  /** Epoch milliseconds of the wall clock. */
  now(): number;
  /** Milliseconds that never go back; only differences mean anything. */
  mono(): number;
  /** Resolves after `ms`, or at once when the signal aborts; never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export interface Ids {
  /** A fresh UUIDv7, lowercase text. */
  uuid(): string;
}

/** Facts, not prose. A value that could hold a secret is never passed here. */
export interface Log {
  info(message: string, facts?: Readonly<Record<string, unknown>>): void;
  warn(message: string, facts?: Readonly<Record<string, unknown>>): void;
  error(message: string, facts?: Readonly<Record<string, unknown>>): void;
}

/** Why work was stopped: the `reason` of every AbortSignal that the core hands down. */
export type StopReason =
  | { readonly kind: "cancelled"; readonly by: string; readonly force: boolean }
  /** The step's or the run's `timeout_sec` passed. */
  | { readonly kind: "timeout"; readonly scope: "step" | "run"; readonly limitMs: number }
  /** The attempt may not act any more (stale fence, lost lease): stop at once, report nothing. */
  | { readonly kind: "fenced" };

export type StreamName = "stdout" | "stderr";

/** Takes a step's bytes in order. Awaiting the promise is the backpressure: never hold more than one chunk unawaited. */
export interface OutputSink {
  write(stream: StreamName, bytes: Uint8Array): Promise<void>;
}

/** How a call ended. `failure` null means success. Cancellation and timeout are judged by the core from the signal. */
export interface Outcome {
  /** null: no process came to be, or none was left to ask. */
  readonly exitCode: number | null;
  readonly failure: Failure | null;
  /** Declared outputs read from `DAGU_OUTPUT_FILE` after success, unchecked; null: the file is not reachable there. */
  readonly outputFile: string | null;
  /** Outputs that the action itself publishes, declared or not: texts, JSON for everything else. */
  readonly outputs?: Readonly<Record<string, string>>;
}

/** One try of one step, every reference resolved. */
export interface StepCall {
  /** Node name: the step's, or `onExit` and so on for a handler. */
  readonly step: string;
  readonly handler: HandlerName | null;
  /** Tries before this one, from 0. */
  readonly retry: number;
  readonly place: "host" | "shared" | "own";
  readonly action: ResolvedAction;
  /** Resolved; set exactly when `place` is `own` and the action is not `docker.run`. */
  readonly container: Container | null;
  /** Step `env`, resolved, in order. */
  readonly stepEnv: Readonly<Record<string, string>>;
  /** Workflow scope: params, root env, predecessor outputs, step env, managed run variables (no process environment). */
  readonly scopeEnv: Readonly<Record<string, string>>;
  /** Resolved `working_dir` of the step, as text, not yet joined to any folder; null: the run's. */
  readonly workingDir: string | null;
  /** First signal on stop, default SIGTERM. */
  readonly signalOnStop: string;
  readonly graceMs: number;
  /** Cap of one captured output and of the output file, bytes. */
  readonly maxOutputSize: number;
}

export type ResolvedAction =
  | Extract<StepAction, { name: "run" }>
  | Extract<StepAction, { name: "container" }>
  | Extract<StepAction, { name: "docker.run" }>
  | {
    readonly name: "harness.run";
    readonly prompt: string;
    readonly stdin: string | null;
    /** Primary first, then fallbacks; defaults merged, references resolved, flags converted (7.4.4). */
    readonly tries: readonly (HarnessConfig & { readonly provider: string })[];
  }
  | NamedCall;

/** What all steps of an attempt share. */
export interface RunScope {
  /** Root container, resolved; null: none. */
  readonly container: Container | null;
  readonly resources: ResourceLimits;
  readonly harnesses: Readonly<Record<string, HarnessDefinition>>;
  /** Root `shell`, resolved; null: the runner's default. */
  readonly shell: readonly string[] | null;
  /** Resolved root `working_dir` as text; null: the run's own work directory. */
  readonly workingDir: string | null;
  readonly graceMs: number;
}

/** Starts things. One per attempt. */
export interface Actions {
  /**
   * Makes the folders and, when there is one, brings up the root container. Called once, before the init handler. A
   * failure ends the run as failed with every step not_started and no handler run (3.1.3); nothing is left behind.
   */
  open(scope: RunScope, report: Reporter, signal: AbortSignal): Promise<OpenActions | Failure>;
}

/** `await using`: disposal stops and removes what `open` made, on its own deadline, and never throws. */
export interface OpenActions extends AsyncDisposable {
  /** May run concurrently for different steps. Resolves only when nothing of the call runs any more. Never rejects on user mistakes. */
  perform(call: StepCall, sink: OutputSink, report: Reporter, signal: AbortSignal): Promise<Outcome>;
}

/** What an action tells besides bytes and an exit. */
export interface Reporter {
  container(facts: ContainerFacts): Promise<void>;
  note(level: "info" | "warn", message: string): Promise<void>;
}

/** Runs command checks of preconditions on the runner's host (4.11); met when the exit code is 0. */
export interface Checks {
  command(
    text: string,
    shell: readonly string[] | null,
    env: Readonly<Record<string, string>>,
    workingDir: string | null,
    signal: AbortSignal,
  ): Promise<boolean>;
}

/** Durable record of an attempt: resolves when the event or the bytes are on disk, in call order. */
export interface Journal {
  event(body: RunEventBody): Promise<void>;
  /** Appends to the step's log; returns the stream's size so far. */
  log(step: string, stream: StreamName, bytes: Uint8Array): Promise<void>;
}

export interface RunPorts {
  readonly clock: Clock;
  readonly journal: Journal;
  readonly actions: Actions;
  readonly checks: Checks;
}
