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
  readonly params: { readonly values: Readonly<Record<string, string>>; readonly json: string };
  /** Variables that the trigger brought: `DAGU_EVENT_*`, `WEBHOOK_PAYLOAD`, `WEBHOOK_HEADERS`. */
  readonly env: Readonly<Record<string, string>>;
  /** Filtered environment of the runner's process: the fallback of `host` fields (V-28). */
  readonly host: Readonly<Record<string, string>>;
  /** Absolute paths on the runner's machine. */
  readonly paths: { readonly workDir: string; readonly logFile: string };
  readonly engineVersion: string;
  readonly hostName: string;
}
