/** What an action is given: one call, and what all calls of the attempt share. */
import type { Clock, Ids, OutputSink, Reporter, RunScope, StepCall, StreamName } from "../../run/ports.ts";
import type { Failure } from "../../run/failure.ts";
import type { StopRules } from "../../run/stop.ts";
import type { Engine } from "../containers/engine.ts";
import type { Labels } from "../containers/labels.ts";
import type { RootContainer } from "../containers/root-container.ts";
import type { Turn } from "../containers/takeover.ts";
import type { RunPolicy } from "../policy.ts";
import type { SecretFiles } from "../secret-files.ts";
import type { StateReply, StateRequest } from "../../protocol/state.ts";
import type { Environment } from "./environment.ts";

export type StateCall = StateRequest extends infer R ? R extends unknown ? Omit<R, "fence"> : never : never;

export interface Work {
  readonly call: StepCall;
  readonly attempt: AttemptShare;
  /** Masked. Bytes of the step go nowhere else. */
  readonly sink: OutputSink;
  readonly report: Reporter;
  readonly signal: AbortSignal;
  /** For a container of the step's own that does all its work: how it is lived through by more than one process. */
  readonly turn: Turn;
}

/** How this call is to be stopped, wherever it runs. */
export function stopRules(work: Work): StopRules {
  return { signal: work.call.signalOnStop, graceMs: work.call.graceMs, hurry: work.attempt.hurry };
}

export interface AttemptShare {
  readonly attemptId: string;
  readonly scope: RunScope;
  /** The run's working directory, absolute, existing (4.6). */
  readonly workingDir: string;
  /** For scripts, output files and held-back output; only the runner's user may look. */
  readonly scratchDir: string;
  /** The root container or the foreign one in its place; null: the workflow has none. */
  readonly root: RootContainer | null;
  /** What the machine's owner allows this run. */
  readonly policy: RunPolicy;
  /** Secrets as files, for containers that name them. */
  readonly secretFiles: Pick<SecretFiles, "open">;
  /** What host processes may see of the runner's environment. */
  readonly hostEnv: Environment;
  /** The whole of it, for what the service itself is configured with. */
  readonly runnerEnv: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Aborts when a stop is to skip its grace (CN-06). */
  readonly hurry: AbortSignal;
  engine(): Promise<Engine | Failure>;
  /** Workflow state of the control plane. */
  state(request: StateCall, signal: AbortSignal): Promise<StateReply | { readonly problem: string }>;
  labels(step: string | null): Labels;
  logFiles(step: string): Readonly<Record<StreamName, string>>;
}
