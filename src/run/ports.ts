/** All that the run core asks of the world. Implemented by `runner/`, by fakes with a virtual clock in tests. */
import type { NamedCall } from "../workflow/actions/names.ts";
import type {
  Container,
  HandlerName,
  HarnessConfig,
  HarnessDefinition,
  MailOccasion,
  RegistryAuths,
  ResourceLimits,
  StepAction,
} from "../workflow/workflow.ts";
import type { CallerParams } from "../workflow/inputs.ts";
import type { ContainerFacts, RunEventBody, RunStatus } from "./event.ts";
import type { Failure } from "./failure.ts";
import type { ChildLink, RunState } from "./state.ts";

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
  | {
    readonly kind: "cancelled";
    readonly by: string;
    readonly force: boolean;
    /** Nobody wanted the run to end: its runner has to go (RS-02). */
    readonly isShutdown?: boolean;
  }
  /** The step's or the run's `timeout_sec` passed. */
  | { readonly kind: "timeout"; readonly scope: "step" | "run"; readonly limitMs: number }
  /** The attempt may not act any more (stale fence, lost lease): stop at once, report nothing. */
  | { readonly kind: "fenced"; readonly isLeaseLost?: boolean };

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
  /** Succeeded with allowed failures in it. */
  readonly isPartial?: boolean;
  /** Nothing failed, but it cannot be over before these runs are, which wait for a person. */
  readonly awaits?: readonly ChildLink[];
  /** Of one that was stopped: what that took, or could not do. Said with the stop. */
  readonly aftermath?: string;
}

/** One try of one step, every reference resolved. */
export interface StepCall {
  /** Node name: the step's, or `onExit` and so on for a handler. */
  readonly step: string;
  readonly handler: HandlerName | null;
  /** Tries before this one, from 0. */
  readonly retry: number;
  /**
   * An earlier process of the runner began this very try. Whoever can goes on with what is left of it, telling its output
   * again from the first byte; the others say that it is lost.
   */
  readonly interrupted: { readonly hasContainer: boolean } | null;
  readonly place: "host" | "shared" | "own";
  readonly action: ResolvedAction;
  /** The step's `container:`, resolved; null also for a `docker.run` that describes its container itself. */
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
  /** Both streams go into one log and nowhere else: a process on the host may write both to one pipe, which keeps their order. */
  readonly isOneStream: boolean;
  readonly files: StepFiles;
}

/** Absolute paths of one try. */
export interface StepFiles {
  readonly stdout: string;
  readonly stderr: string;
  /** `DAGU_OUTPUT_FILE`: empty when the try begins. */
  readonly output: string;
}

/** What the runner does itself; sub-workflows, foreach and human tasks are the core's. */
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
  /** Resolved: never stored, never told. */
  readonly registryAuths: RegistryAuths | null;
  readonly harnesses: Readonly<Record<string, HarnessDefinition>>;
  /** Root `shell`, resolved; null: the runner's default. */
  readonly shell: readonly string[] | null;
  /** Resolved root `working_dir` as text; null: the run's own work directory. */
  readonly workingDir: string | null;
  readonly graceMs: number;
  /** Root `smtp`, `ssh`, `s3`, `redis`, `llm`, resolved: for keys that an action's `with` leaves out. */
  readonly defaults: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
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
  /** Ends what an earlier process of the runner left of the step. Never throws. */
  abandon(step: string): Promise<void>;
  /** Where a step with this resolved `working_dir` runs, absolute. */
  stepDir(workingDir: string | null): string;
  /** The files of the step's next try; the log files exist from now on. */
  files(step: string): StepFiles;
  /** Logs of a step that this attempt executed; null: it did not. */
  logsOf(step: string): Pick<StepFiles, "stdout" | "stderr"> | null;
  /** Appends to a file of the step's directory, or makes an artifact; every write of the try goes to the same place (4.9). */
  redirect(target: RedirectTarget, stepDir: string): Promise<Redirect | Failure>;
  /** The text of a file that a structured output reads. */
  readText(path: string, stepDir: string, maxBytes: number): Promise<string | Failure>;
}

export type RedirectTarget =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "artifact"; readonly path: string };

export interface Redirect extends AsyncDisposable {
  write(bytes: Uint8Array): Promise<void>;
}

/** Runs of other workflows that steps of this one start (4.21). One per attempt. */
export interface Children {
  /**
   * Starts the child, or finds the one that an earlier try with the same key started, and waits for its end. Aborting
   * stops it. `onStarted` is called once its id is known.
   */
  run(
    request: ChildRequest,
    onStarted: (child: ChildLink) => Promise<void>,
    signal: AbortSignal,
  ): Promise<ChildResult | Failure>;
  /** Queues the child and does not wait. */
  enqueue(request: ChildRequest): Promise<QueuedChild | Failure>;
}

export interface ChildRequest {
  readonly step: string;
  /** Unique per run and work to be done: a retry finds the same child. */
  readonly key: string;
  readonly index: number;
  readonly dag: string;
  readonly params: CallerParams;
  readonly queue: string | null;
  readonly workerSelector: Readonly<Record<string, string>>;
}

export interface ChildResult extends ChildLink {
  readonly status: RunStatus;
  readonly failure: Failure | null;
  /** Collected string outputs of the child (S-57). */
  readonly outputs: Readonly<Record<string, string>>;
}

export interface QueuedChild extends ChildLink {
  readonly queue: string;
  readonly alreadyExists: boolean;
}

/** What a run finds around it before its first step. */
export interface Surroundings {
  /** The variables of those of the files that exist (3.4), and what was wrong with the others. */
  dotenv(
    paths: readonly string[],
    workingDir: string | null,
    env: Readonly<Record<string, string>>,
  ): Promise<{ readonly values: Readonly<Record<string, string>>; readonly warnings: readonly string[] }>;
}

/** What an action tells besides bytes and an exit. */
export interface Reporter {
  container(facts: ContainerFacts): Promise<void>;
  /** `instead`: how the notes begin whose place it takes. */
  note(level: "info" | "warn", message: string, instead?: string): Promise<void>;
}

/** Commands that the service itself runs, on the runner's host: of preconditions and of `eval` (2.12, 4.11). */
export interface Checks {
  /** Met when the exit code is 0; output is thrown away, and what cannot be started is not met (S-71). */
  command(text: string, place: CommandPlace, signal: AbortSignal): Promise<boolean | Failure>;
  /** What the command prints, surrounding whitespace trimmed; within 2 s, and with exit code 0 (V-60, V-61). */
  substitute(text: string, place: CommandPlace, signal: AbortSignal): Promise<Substituted>;
}

/** What such a command finds around it, resolved. */
export interface CommandPlace {
  /** null: the runner's default. */
  readonly shell: readonly string[] | null;
  /** null: the run's own work directory. */
  readonly workingDir: string | null;
  readonly env: Readonly<Record<string, string>>;
}

export type Substituted =
  | { readonly ok: true; readonly text: string }
  /** Why there is none: `exit status 3`. */
  | { readonly ok: false; readonly message: string };

/** Durable record of an attempt: resolves when the event or the bytes are on disk, in call order. */
export interface Journal {
  event(body: RunEventBody): Promise<void>;
  /** Appends to the step's log; returns the stream's size so far. */
  log(step: string, stream: StreamName, bytes: Uint8Array): Promise<void>;
}

/** Tells people about a run by mail. Answers why a mail could not be sent; null: it was, or none is wanted. */
export interface Mails {
  send(occasion: MailOccasion, story: MailStory): Promise<string | null>;
}

export interface MailStory {
  /** Token of the run's status; of a step's mail: the step's. */
  readonly status: string;
  /** null: about the run as a whole. */
  readonly step: string | null;
  readonly state: RunState;
}

export interface RunPorts {
  readonly mails: Mails;
  readonly clock: Clock;
  readonly journal: Journal;
  readonly actions: Actions;
  readonly checks: Checks;
  readonly children: Children;
  readonly surroundings: Surroundings;
  /** The same text without what must not be told. Actions hide it themselves in what they write. */
  conceal(text: string): string;
}
