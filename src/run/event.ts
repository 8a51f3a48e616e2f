/**
 * The closed set of run events (control-plane contract 5.4). A run is a fold of them: `state.ts` reduces, on the
 * runner to decide what is next, in the control plane to store and show.
 */
import * as v from "valibot";
import { Failure } from "./failure.ts";

export const RUN_STATUSES = [
  "not_started",
  "running",
  "failed",
  "aborted",
  "succeeded",
  "queued",
  "partially_succeeded",
  "waiting",
  "rejected",
] as const;
export const RunStatus = v.picklist(RUN_STATUSES);
/** Tokens of 4.1; the index in `RUN_STATUSES` is the stored and API-visible code. */
export type RunStatus = v.InferOutput<typeof RunStatus>;

export const STEP_STATUSES = [
  "not_started",
  "running",
  "failed",
  "aborted",
  "succeeded",
  "skipped",
  "partially_succeeded",
  "waiting",
  "rejected",
  "retrying",
] as const;
export const StepStatus = v.picklist(STEP_STATUSES);
/** Tokens of 4.3; the index in `STEP_STATUSES` is the stored and API-visible code. */
export type StepStatus = v.InferOutput<typeof StepStatus>;

/** What a waiting step waits for: an answer, a word about its work, or the end of sub-runs that wait themselves (S-132). */
export const WAITING_KINDS = ["human_task", "approval", "sub_run"] as const;
export type WaitingKind = (typeof WAITING_KINDS)[number];

/** The last millisecond of the year 9999: what later dates are written like, not everybody reads. */
const FAR_MS = 253_402_300_799_999;
/** Milliseconds since 1970. */
export const EpochMs = v.pipe(v.number(), v.minValue(0), v.maxValue(FAR_MS));

/** Sizes in bytes of what the step wrote, after masking, over all its tries in this attempt. */
const LogSizes = v.object({ stdout: v.number(), stderr: v.number() });

/** What really ran, for the run's page and API (F10: engine and address of every container). */
export const ContainerFacts = v.object({
  engine: v.picklist(["docker", "podman"]),
  address: v.string(),
  /** First 12 characters. */
  id: v.string(),
  name: v.string(),
  image: v.string(),
  /** Digest of the image that was used; "" when the engine does not tell. */
  digest: v.string(),
});
export type ContainerFacts = v.InferOutput<typeof ContainerFacts>;

const CheckedCondition = v.object({
  condition: v.string(),
  matched: v.boolean(),
  error: v.optional(v.string()),
});

/** Characters of a note. */
const NOTE_MAX = 4096;

export const RunEventBody = v.variant("type", [
  v.object({
    type: v.literal("attempt.started"),
    data: v.object({ engineVersion: v.string(), host: v.string(), workDir: v.string() }),
  }),
  v.object({
    type: v.literal("preconditions.checked"),
    /** Absent for the workflow's own. */
    step: v.optional(v.string()),
    data: v.object({ results: v.array(CheckedCondition) }),
  }),
  /** The root container is ready, or a step's own container was created. */
  v.object({
    type: v.literal("container.started"),
    /** Absent for the root container. */
    step: v.optional(v.string()),
    data: ContainerFacts,
  }),
  v.object({
    type: v.literal("step.started"),
    step: v.string(),
    data: v.object({
      /** Tries before this one, from 0. */
      retry: v.number(),
      /** Whole executions before this one, from 0; absent: the step does not repeat. */
      repeat: v.optional(v.number()),
    }),
  }),
  /**
   * `variable`: captured by `output: NAME`; `declared`: an output by its name; `object`: a key of the object form, as JSON.
   */
  v.object({
    type: v.literal("step.output"),
    step: v.string(),
    data: v.object({
      kind: v.picklist(["variable", "declared", "object"]),
      name: v.string(),
      value: v.string(),
    }),
  }),
  /** A run of its own that the step started. */
  v.object({
    type: v.literal("child.linked"),
    step: v.string(),
    data: v.object({ childRunId: v.string(), name: v.string(), index: v.number() }),
  }),
  /** Somebody has to act before the step is over: upon it, or upon runs that it started. */
  v.object({
    type: v.literal("step.waiting"),
    step: v.string(),
    data: v.object({
      kind: v.picklist(WAITING_KINDS),
      prompt: v.string(),
      /** The form's schema, as written. */
      form: v.optional(v.record(v.string(), v.unknown())),
      logs: LogSizes,
    }),
  }),
  v.object({
    type: v.literal("step.retrying"),
    step: v.string(),
    data: v.object({
      retry: v.number(),
      delayMs: v.pipe(v.number(), v.minValue(0), v.maxValue(FAR_MS)),
      exitCode: v.optional(v.number()),
      error: v.optional(Failure),
    }),
  }),
  v.object({
    type: v.literal("step.finished"),
    step: v.string(),
    data: v.object({
      status: v.picklist(["failed", "aborted", "succeeded", "partially_succeeded"]),
      exitCode: v.optional(v.number()),
      error: v.optional(Failure),
      /** The failure is allowed by `continue_on`, so dependents go on. */
      continued: v.optional(v.boolean()),
      logs: LogSizes,
    }),
  }),
  /** A step that never ran: preconditions or upstream skipped (`skipped`), upstream failed or stopped (`aborted`). */
  v.object({
    type: v.literal("step.skipped"),
    step: v.string(),
    data: v.object({
      status: v.picklist(["skipped", "aborted"]),
      reason: v.string(),
      continued: v.optional(v.boolean()),
    }),
  }),
  v.object({
    type: v.literal("log.dropped"),
    step: v.string(),
    data: v.object({
      stream: v.picklist(["stdout", "stderr"]),
      fromOffset: v.number(),
      bytes: v.number(),
      reason: v.string(),
    }),
  }),
  v.object({
    type: v.literal("note"),
    /** Absent: about the run. */
    step: v.optional(v.string()),
    data: v.object({
      level: v.picklist(["info", "warn"]),
      message: v.pipe(v.string(), v.maxLength(NOTE_MAX)),
      /** Takes the place of the notes that begin so: what goes on is told by one note, not by many. */
      instead: v.optional(v.string()),
    }),
  }),
  v.object({
    type: v.literal("attempt.finished"),
    data: v.object({
      status: v.picklist(["failed", "aborted", "succeeded", "partially_succeeded", "rejected"]),
      error: v.optional(Failure),
    }),
  }),
  /** Nothing can run before a person acts: the attempt is over, the run is not. */
  v.object({
    type: v.literal("attempt.waiting"),
    data: v.object({ steps: v.array(v.string()) }),
  }),
]);
export type RunEventBody = v.InferOutput<typeof RunEventBody>;

/** What a note event holds: a long message is cut. */
export function noteOf(
  level: "info" | "warn",
  message: string,
  instead: string | undefined,
): Extract<RunEventBody, { type: "note" }>["data"] {
  return { level, message: message.slice(0, NOTE_MAX), ...(instead === undefined ? {} : { instead }) };
}

/** Where and when, added to every body: `seq` from 1 without holes per attempt, `at` epoch ms of the runner, `mono` ms since attempt start. */
const Stamp = v.object({
  seq: v.pipe(v.number(), v.integer(), v.minValue(1)),
  at: EpochMs,
  mono: v.number(),
});
export const RunEvent = v.intersect([Stamp, RunEventBody]);
export type RunEvent = v.InferOutput<typeof RunEvent>;

export function isTerminal(event: { readonly type: string }): boolean {
  return event.type === "attempt.finished" || event.type === "attempt.waiting";
}
