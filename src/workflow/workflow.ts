/**
 * The typed form of one workflow document: what `parse.ts` makes of text that has no problem in it.
 * Everything here is immutable and free of positions; strings are as the author wrote them, references
 * (`${...}`) unresolved unless a field says otherwise.
 */
import type { NamedAction } from "./actions/names.ts";
import type { Container, DockerRun, RegistryAuths } from "./container.ts";
import type { Schedule, ScheduleRules } from "./schedule.ts";
import type { TriggerBlock } from "./trigger.ts";

export type * from "./container.ts";

/** `retry`: the run goes on with another runner, from its last state. */
export type OnLost = "fail" | "retry";

export interface Workflow {
  /** As written; null when the file's stem gives the name. */
  readonly name: string | null;
  readonly group: string | null;
  readonly description: string | null;
  readonly type: "graph" | "chain";
  readonly params: ParamDeclarations;
  readonly consts: readonly NamedText[];
  readonly env: readonly NamedText[];
  readonly workingDir: string | null;
  /** Root `shell` with `shell_args` appended; null: the runner's default shell. */
  readonly shell: readonly string[] | null;
  readonly container: Container | null;
  readonly resources: ResourceLimits;
  readonly registryAuths: RegistryAuths | null;
  readonly harnesses: Readonly<Record<string, HarnessDefinition>>;
  readonly harness: HarnessConfig | null;
  readonly preconditions: readonly Condition[];
  readonly handlers: Readonly<Partial<Record<HandlerName, Step>>>;
  /** In written order, `depends` already holding step names, chain edges already added. */
  readonly steps: readonly Step[];
  /** null: not written (matters for the shared container's lane, 3.5.3); 0: unlimited. */
  readonly maxActiveSteps: number | null;
  readonly maxActiveRuns: number | null;
  readonly queue: string | null;
  readonly labels: readonly string[];
  readonly timeoutSec: number;
  readonly maxCleanUpTimeSec: number;
  readonly maxOutputSize: number;
  readonly workerSelector: Readonly<Record<string, string>>;
  readonly triggers: readonly TriggerBlock[];
  /** Lowercased header names of `webhook.forward_headers` (WH-14). */
  readonly forwardHeaders: readonly string[];
  /** null: not written, so `.env` alone; `[]`: none is loaded (P-30). */
  readonly dotenv: readonly string[] | null;
  readonly secrets: readonly Secret[];
  /** null: as the workflow's use of them asks (S-63). */
  readonly artifacts: { readonly enabled: boolean | null; readonly dir: string | null };
  readonly logOutput: LogOutput;
  /** Where log files are wanted beside the service's own; null: nowhere. */
  readonly logDir: string | null;
  readonly delaySec: number;
  readonly restartWaitSec: number;
  readonly schedule: Schedule;
  readonly scheduleRules: ScheduleRules;
  /** Of the whole run, after it failed (5.6); null: none. */
  readonly retry: RunRetry | null;
  /** What becomes of a run whose runner is lost (RT-09). */
  readonly onLost: OnLost;
  readonly retention: { readonly days: number | null; readonly runs: number | null };
  readonly runConfig: { readonly disableParamEdit: boolean; readonly disableRunIdEdit: boolean };
  /** Root `smtp`, `ssh`, `s3`, `redis`, `llm`: what the actions of these families take for their missing keys, as written. */
  readonly defaults: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** When a run's end is mailed, and to whom; an end that is not mentioned is not mailed. */
  readonly mails: Readonly<Partial<Record<MailOccasion, MailEnvelope>>>;
  /** The later documents of the stream, by name (F-01). Empty in a local document itself. */
  readonly locals: Readonly<Record<string, Workflow>>;
}

/** What a mail is about: `error` also serves `mail_on_error` of a step. */
export type MailOccasion = "failure" | "success" | "wait" | "error";

export interface MailEnvelope {
  readonly from: string;
  readonly to: readonly string[];
  readonly prefix: string;
  readonly attachLogs: boolean;
}

export type LogOutput = "separate" | "merged";

/** One variable of a run that nobody may see (3.5). */
export interface Secret {
  readonly name: string;
  readonly source:
    | { readonly kind: "managed"; readonly ref: string }
    | { readonly kind: "provider"; readonly provider: "env" | "file"; readonly key: string };
}

export interface RunRetry {
  readonly limit: number;
  readonly intervalSec: number;
  readonly backoff: number | null;
  readonly maxIntervalSec: number;
}

export type HandlerName = "init" | "success" | "failure" | "abort" | "exit" | "wait";

/** Names under which handlers appear as nodes (S-10). */
export const HANDLER_NODE_NAMES: Readonly<Record<HandlerName, string>> = {
  init: "onInit",
  success: "onSuccess",
  failure: "onFailure",
  abort: "onAbort",
  exit: "onExit",
  wait: "onWait",
};

export interface NamedText {
  readonly name: string;
  readonly value: string;
}

export interface Step {
  /** Explicit id; only these can be referenced as `${steps.ID...}` (S-09). */
  readonly id: string | null;
  /** Unique within the document; what `depends` and the API use. */
  readonly name: string;
  readonly description: string | null;
  readonly action: StepAction;
  /** Names of upstream steps, in written order. */
  readonly depends: readonly string[];
  readonly env: readonly NamedText[];
  readonly workingDir: string | null;
  readonly container: Container | null;
  /** Where the action's process runs; decided at load from the step's and the root's `container` (3.3). */
  readonly place: "host" | "shared" | "own";
  /** `output: NAME`, without a leading `$`. */
  readonly output: string | null;
  /** The object form of `output`: one object of these keys (S-53). */
  readonly outputObject: Readonly<Record<string, OutputValue>> | null;
  /** JSON Schema that stdout must satisfy as JSON (S-56). */
  readonly outputSchema: Readonly<Record<string, unknown>> | null;
  readonly outputs: readonly DeclaredOutput[];
  readonly stdout: StreamTarget;
  readonly stderr: StreamTarget;
  readonly logOutput: LogOutput;
  readonly timeoutSec: number;
  readonly signalOnStop: string | null;
  readonly retry: RetryPolicy | null;
  readonly repeat: RepeatPolicy | null;
  readonly continueOn: ContinueOn;
  readonly preconditions: readonly Condition[];
  /** Its failure is mailed at once. */
  readonly mailOnError: boolean;
  /** A person decides after the work is done (S-122). */
  readonly approval: Approval | null;
}

/** Closed list of what a step can do; `runner/actions/registry.ts` must hold one action for each name. */
export type ActionName = StepAction["name"];

export type StepAction =
  | RunAction
  /** No `run` and no `action`: the container's own command (4.4). Legal only with a step-level `container`. */
  | { readonly name: "container" }
  | { readonly name: "harness.run"; readonly with: HarnessStep }
  /** Also written `container.run`. */
  | { readonly name: "docker.run"; readonly with: DockerRun }
  | SubRunAction
  | ForeachAction
  | HumanTaskAction
  | NamedStepAction;

/** Starts other workflows (4.21); with `parallel`, one for each item (4.16). */
export interface SubRunAction {
  readonly name: "dag.run" | "dag.enqueue";
  /** A local document, a stored workflow or a file; may hold references. */
  readonly dag: string;
  /** As written: text, list or map; null: none given. */
  readonly params: unknown;
  /** Of `dag.enqueue`. */
  readonly queue: string | null;
  readonly parallel: Parallel | null;
  readonly workerSelector: Readonly<Record<string, string>>;
}

export interface Parallel {
  /** Text that resolves to items, or the items. */
  readonly items: string | readonly unknown[];
  readonly maxConcurrent: number;
}

/** The same steps for each item (4.17). */
export interface ForeachAction {
  readonly name: "foreach";
  readonly items: string | readonly unknown[];
  readonly as: string;
  /** null: the position. */
  readonly key: string | null;
  readonly maxConcurrent: number;
  readonly steps: readonly Step[];
  readonly collect: Readonly<Record<string, string>>;
  /** How many of the step's first `env` entries are the workflow's `defaults`, which the body does not see (S-113). */
  readonly defaultEnv: number;
}

/** Waits for a person (4.18). */
export interface HumanTaskAction {
  readonly name: "human.task";
  readonly prompt: string;
  readonly form: TaskForm | null;
}

/** The object schema of a task's form, in the order of its properties. */
export interface TaskForm {
  /** As written, for whoever shows it. */
  readonly schema: Readonly<Record<string, unknown>>;
  readonly fields: readonly TaskField[];
  readonly allowsOthers: boolean;
}

export interface TaskField {
  readonly name: string;
  readonly type: "string" | "integer" | "number" | "boolean";
  readonly isRequired: boolean;
  readonly default: string | number | boolean | null;
  /** From `enum` or the constants of `oneOf`; null: any. */
  readonly options: readonly (string | number | boolean)[] | null;
  readonly minimum: number | null;
  readonly maximum: number | null;
  readonly minLength: number | null;
  readonly maxLength: number | null;
  readonly pattern: string | null;
}

export interface Approval {
  readonly prompt: string | null;
  readonly input: readonly string[];
  readonly required: readonly string[];
  /** Name of the upstream step at which a push-back begins again; null: this step. */
  readonly rewindTo: string | null;
}

/** Where a stream goes beside the log (4.9). */
export interface StreamTarget {
  readonly file: string | null;
  readonly artifact: string | null;
  /** `stdout.outputs`, by output name. */
  readonly outputs: Readonly<Record<string, OutputValue>>;
}

/** One value of a structured output: given, or read from what the step wrote. */
export type OutputValue =
  | { readonly kind: "literal"; readonly value: unknown }
  | {
    readonly kind: "read";
    readonly from: "stdout" | "stderr" | "file";
    /** Of `file`. */
    readonly path: string | null;
    readonly decode: "text" | "json" | "yaml";
    /** Dotted or bracket path into the decoded value; null: all of it. */
    readonly select: string | null;
  };

/** An action that a schema describes. `with` is as written: references unresolved. */
export interface NamedStepAction {
  readonly name: NamedAction;
  readonly with: Readonly<Record<string, unknown>>;
}

export interface RunAction {
  readonly name: "run";
  /** `command`: one line for a shell; `script`: has line breaks; `list`: fresh shell each, in order (4.4). */
  readonly form: "command" | "script" | "list";
  /** One item for `command` and `script`. */
  readonly texts: readonly string[];
  /** `with.shell`: beats the root shell, nothing is added but a missing `-c` (S-23, S-24). */
  readonly shell: readonly string[] | null;
  /** What follows the words of whichever shell it is: `shell_args`, packages of nix-shell. */
  readonly shellArgs: readonly string[];
}

export interface DeclaredOutput {
  readonly name: string;
  readonly type: "string" | "json";
}

export interface RetryPolicy {
  /** Number, or text with references (resolved before the first retry decision). */
  readonly limit: number | string;
  readonly intervalSec: number | string;
  /** null: any non-zero code. */
  readonly exitCodes: readonly number[] | null;
  /** Multiplier > 1, or null for a constant interval. */
  readonly backoff: number | null;
  readonly maxIntervalSec: number | null;
}

/** When a step that ended is executed again (4.14). */
export interface RepeatPolicy {
  readonly mode: "while" | "until";
  readonly intervalSec: number | string;
  /** Executions in total; null: no limit. */
  readonly limit: number | string | null;
  readonly condition: Condition | null;
  readonly exitCodes: readonly number[] | null;
  readonly backoff: number | null;
  readonly maxIntervalSec: number | string | null;
}

export interface ContinueOn {
  readonly failure: boolean;
  readonly skipped: boolean;
  readonly exitCodes: readonly number[];
  /** Substrings of stdout lines, or `re:PATTERN` (S-80). */
  readonly output: readonly string[];
  readonly markSuccess: boolean;
}

/**
 * `command`: met when a shell on the runner's host exits 0. `match`: text compared line by line. `eval`: the same after
 * its command substitutions have run (4.11).
 */
export type Condition =
  | { readonly kind: "command"; readonly command: string; readonly negate: boolean }
  | {
    readonly kind: "match" | "eval";
    readonly condition: string;
    readonly expected: string;
    readonly negate: boolean;
    /** Effective name of the `router.route` step whose value this is; absent: the author's own condition. */
    readonly router?: string;
  };

export interface ResourceLimits {
  /** Cores, three decimals; null: none. */
  readonly cpu: number | null;
  readonly memoryBytes: number | null;
}

// ---- harnesses --------------------------------------------------------------------------------------------------

/** `harnesses.NAME` (7.3): how to call a CLI. The built-in providers are written in the same terms. */
export interface HarnessDefinition {
  readonly binary: string;
  readonly prefixArgs: readonly string[];
  readonly promptMode: "arg" | "flag" | "stdin";
  readonly promptFlag: string | null;
  readonly promptPosition: "before_flags" | "after_flags";
  readonly flagStyle: "gnu_long" | "single_dash";
  readonly optionFlags: Readonly<Record<string, string>>;
}

export type FlagValue = string | number | boolean | null | readonly (string | number | boolean)[];

/** One provider with its flags: `harness:`, a step's own part of `with`, or a `fallback` item. */
export interface HarnessConfig {
  /** May hold references in a step; null only in a step that inherits it from `harness:`. */
  readonly provider: string | null;
  readonly flags: Readonly<Record<string, FlagValue>>;
  /** null: inherit; `[]`: none. Always null in a fallback item. */
  readonly fallback: readonly HarnessConfig[] | null;
}

export interface HarnessStep extends HarnessConfig {
  readonly prompt: string;
  readonly stdin: string | null;
}

// ---- params -----------------------------------------------------------------------------------------------------

export interface ParamDeclarations {
  /** In source order. Positional ones are named "1", "2", ... (P-02). */
  readonly entries: readonly ParamDeclaration[];
  /** Set: a JSON Schema judges all values together, and they are given by name or as JSON only (P-11, P-12). */
  readonly schema?: ParamSchema;
}

export interface ParamSchema {
  readonly schema: Readonly<Record<string, unknown>>;
  /** Values of what the caller does not give, with their kinds. */
  readonly defaults: Readonly<Record<string, unknown>>;
}

export interface ParamDeclaration {
  readonly name: string;
  readonly type: "string" | "integer" | "number" | "boolean";
  /** Text form of the default; null: none. */
  readonly default: string | null;
  /** Text whose command substitutions make the value on the runner when the caller gives none; null: none (2.12). */
  readonly eval: string | null;
  readonly required: boolean;
  readonly description: string | null;
  readonly enum: readonly string[] | null;
  readonly minimum: number | null;
  readonly maximum: number | null;
  readonly minLength: number | null;
  readonly maxLength: number | null;
  readonly pattern: string | null;
}
