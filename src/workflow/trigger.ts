/** `triggers:` of a workflow file, typed (control-plane contract 2.13). Parsed by `schema/trigger.ts`, matched by `match.ts`. */

export interface TriggerBlock {
  /** Slug; the zero-based index as text when not written. */
  readonly name: string;
  readonly git: GitTrigger;
  /** Run parameters; may hold `${event.*}`. */
  readonly params: Readonly<Record<string, string>>;
  readonly labels: readonly string[];
  readonly queue: string | null;
  /** 0..9, lower first; null: the default of webhooks (5). */
  readonly priority: number | null;
  /** Template of the run id; doubles as idempotency key. */
  readonly dagRunId: string | null;
  readonly concurrency: Concurrency | null;
  readonly enabled: boolean;
  readonly skipMarkers: boolean;
  /** Whether the forge is told what becomes of the run; `required`: also when a path filter keeps it from starting (FG-74). */
  readonly status: "on" | "off" | "required";
}

/** A newer run takes the place of older ones of the workflow and the group (QU-22). */
export interface Concurrency {
  /** As written it may hold `${event.*}`. */
  readonly group: string;
  /** Which older ones are stopped: none, those that have not begun, or all. */
  readonly cancel: "none" | "queued" | "running";
}

export interface GitTrigger {
  /** Endpoint names; empty: all. */
  readonly endpoints: readonly string[];
  readonly events: readonly GitEventName[];
  /** Empty: the defaults of FG-52. */
  readonly actions: readonly string[];
  readonly repo: readonly string[];
  readonly branch: readonly string[];
  readonly sourceBranch: readonly string[];
  readonly tag: readonly string[];
  readonly paths: readonly string[];
  readonly author: readonly string[];
  readonly prLabels: readonly string[];
  readonly draft: boolean | null;
  readonly fork: "approval" | "ignore" | "run-untrusted" | null;
}

export type GitEventName =
  | "push"
  | "tag"
  | "delete"
  | "pull_request"
  | "comment"
  | "review"
  | "release"
  | "deployment"
  | "manual";

/**
 * One event in normal form (control-plane contract 2.5, 2.6). What a forge does not tell is "" or null, never a guess;
 * `isFork` is true when it cannot be determined (FK-01).
 */
export interface ForgeEvent {
  readonly forge: string;
  readonly event: GitEventName | "ping" | "other";
  readonly action: string;
  /** The forge's own event name, for records. */
  readonly rawEvent: string;
  readonly delivery: string;
  readonly repo: string;
  readonly repoId: string;
  readonly cloneUrl: string;
  readonly sshUrl: string;
  readonly webUrl: string;
  readonly defaultBranch: string;
  readonly ref: string;
  readonly branch: string;
  readonly tag: string;
  readonly sha: string;
  readonly before: string;
  readonly forced: boolean;
  readonly message: string;
  readonly title: string;
  readonly author: string;
  readonly authorEmail: string;
  readonly sender: string;
  readonly pullRequest: PullRequestFacts | null;
  readonly isFork: boolean;
  readonly changedPaths: readonly string[];
  /** False: `changedPaths` may lack some; a `paths` condition then counts as matched (FG-54). */
  readonly changedPathsComplete: boolean;
}

export interface PullRequestFacts {
  readonly number: number;
  readonly title: string;
  readonly isDraft: boolean;
  readonly labels: readonly string[];
  readonly sourceBranch: string;
  readonly sourceRepo: string;
}
