import type { Progress } from "./progress.ts";
import type { RunState } from "./state.ts";

export interface RunParams {
  /** Every parameter as text; those whose `eval` is still to be executed are missing. */
  readonly values: Readonly<Record<string, string>>;
  /** `DAG_PARAMS_JSON` (P-15). */
  readonly json: string;
  /** Names whose value the caller gave: their `eval` is not executed (P-05). Absent: nothing is left to execute. */
  readonly given?: readonly string[] | undefined;
}

/** What an attempt starts from, given by whoever runs it. */
export interface RunInputs {
  /** Workflow name of the run. */
  readonly name: string;
  readonly dagRunId: string;
  readonly attemptId: string;
  readonly triggerType: string;
  readonly triggerActor: string;
  /** RFC 3339, or "". */
  readonly scheduleTime: string;
  readonly params: RunParams;
  /** Variables that the trigger brought: `DAGU_EVENT_*`, `WEBHOOK_PAYLOAD`, `WEBHOOK_HEADERS`. */
  readonly env: Readonly<Record<string, string>>;
  /** Of the runner's process: the fallback of `host` fields (V-28). */
  readonly host: Readonly<Record<string, string>>;
  /** Of the runner's process: what steps on the host find in their environment (V-34, X-08). */
  readonly imported: Readonly<Record<string, string>>;
  /** Absolute paths on the runner's machine. */
  readonly paths: {
    readonly workDir: string;
    readonly logFile: string;
    /** null: the workflow has no artifacts. */
    readonly artifactsDir: string | null;
  };
  /** Of `secrets`, resolved: they beat every other variable (V-34). */
  readonly secrets: Readonly<Record<string, string>>;
  /** The outermost run; null: this one. */
  readonly root: { readonly name: string; readonly dagRunId: string } | null;
  /** A failure is followed by an automatic retry of the run. */
  readonly isRetryDue: boolean;
  /** Where an earlier attempt left the run, the steps that are to run again reset; null: from the start. */
  readonly resume: Pick<RunState, "steps"> | null;
  /** Logs of tries that approvers sent back, as files on the runner's machine, by the approval's step. */
  readonly previousStdout: Readonly<Record<string, string>>;
  /** What this very attempt has told already, to a process of the runner that is no more; null: nothing. */
  readonly progress: Progress | null;
  readonly engineVersion: string;
  readonly hostName: string;
}
