/**
 * The typed form of one workflow document: what `parse.ts` makes of text that has no problem in it.
 * Everything here is immutable and free of positions; strings are as the author wrote them, references
 * (`${...}`) unresolved unless a field says otherwise.
 */
import type { NamedAction } from "./actions/names.ts";
import type { TriggerBlock } from "./trigger.ts";

export interface Workflow {
  /** As written; null when the file's stem gives the name. */
  readonly name: string | null;
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
  readonly outputs: readonly DeclaredOutput[];
  readonly timeoutSec: number;
  readonly signalOnStop: string | null;
  readonly retry: RetryPolicy | null;
  readonly continueOn: ContinueOn;
  readonly preconditions: readonly Condition[];
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
  | NamedStepAction;

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
  /** `with.shell` + `with.shell_args`: beats the root shell, nothing is added but a missing `-c` (S-23, S-24). */
  readonly shell: readonly string[] | null;
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

export interface ContinueOn {
  readonly failure: boolean;
  readonly skipped: boolean;
  readonly exitCodes: readonly number[];
  /** Substrings of stdout lines, or `re:PATTERN` (S-80). */
  readonly output: readonly string[];
  readonly markSuccess: boolean;
}

/** `command`: met when a shell on the runner's host exits 0. `match`: text compared line by line (4.11). */
export type Condition =
  | { readonly kind: "command"; readonly command: string; readonly negate: boolean }
  | {
    readonly kind: "match";
    readonly condition: string;
    readonly expected: string;
    readonly negate: boolean;
  };

export interface ResourceLimits {
  /** Cores, three decimals; null: none. */
  readonly cpu: number | null;
  readonly memoryBytes: number | null;
}

// ---- containers -------------------------------------------------------------------------------------------------

export type Container = ImageContainer | ExecContainer;

export type PullPolicy = "always" | "missing" | "never" | "fallback";

/** `container:` with `image` (2.2): a container that we create. */
export interface ImageContainer {
  readonly kind: "image";
  readonly image: string;
  /** Explicit container name; null: ours, unique and labelled. */
  readonly containerName: string | null;
  readonly pullPolicy: PullPolicy;
  readonly env: readonly NamedText[];
  /** `source:target[:mode]`, as written. */
  readonly volumes: readonly string[];
  readonly user: string | null;
  readonly workingDir: string | null;
  readonly platform: string | null;
  readonly ports: readonly string[];
  readonly network: string | null;
  readonly keepContainer: boolean;
  readonly startup: "keepalive" | "entrypoint" | "command";
  readonly command: readonly string[];
  readonly waitFor: "running" | "healthy";
  readonly logPattern: string | null;
  readonly restartPolicy: "no" | "always" | "unless-stopped" | null;
  readonly healthcheck: Healthcheck | null;
  /** null: `["/bin/sh","-e","-c"]`; `["direct"]`: no shell (2.12). */
  readonly shell: readonly string[] | null;
}

/** `container:` with `exec` (2.3): somebody else's container that we only execute into. */
export interface ExecContainer {
  readonly kind: "exec";
  /** Name or id. */
  readonly target: string;
  readonly env: readonly NamedText[];
  readonly user: string | null;
  readonly workingDir: string | null;
  readonly shell: readonly string[] | null;
}

export interface Healthcheck {
  /** `["NONE"]`, `["CMD", ...]` or `["CMD-SHELL", text]`. */
  readonly test: readonly string[];
  readonly intervalMs: number | null;
  readonly timeoutMs: number | null;
  readonly startPeriodMs: number | null;
  readonly retries: number | null;
}

/** `with` of `docker.run` (5.1). Raw engine objects are kept in the engine's own (PascalCase) spelling. */
export interface DockerRun {
  readonly image: string | null;
  readonly containerName: string | null;
  /** null: the image's own command. `text`: split into words, or one argument of `shell`; `words`: one argv (5.4). */
  readonly command:
    | { readonly kind: "text"; readonly text: string }
    | { readonly kind: "words"; readonly words: readonly string[] }
    | null;
  readonly pullPolicy: PullPolicy;
  /** Bool, or text with references that must become one. Default false. */
  readonly autoRemove: boolean | string;
  readonly platform: string | null;
  readonly workingDir: string | null;
  readonly volumes: readonly string[];
  readonly shell: readonly string[] | null;
  readonly container: Readonly<Record<string, unknown>>;
  readonly host: Readonly<Record<string, unknown>>;
  readonly network: Readonly<Record<string, unknown>>;
  readonly exec: Readonly<Record<string, unknown>>;
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
}

export interface ParamDeclaration {
  readonly name: string;
  readonly type: "string" | "integer" | "number" | "boolean";
  /** Text form of the default; null: none. */
  readonly default: string | null;
  readonly required: boolean;
  readonly description: string | null;
  readonly enum: readonly string[] | null;
  readonly minimum: number | null;
  readonly maximum: number | null;
  readonly minLength: number | null;
  readonly maxLength: number | null;
  readonly pattern: string | null;
}
