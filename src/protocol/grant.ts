/** What a runner is given to execute: one attempt of one run (control-plane contract M3). */
import * as v from "valibot";
import { RunId, Uuid } from "../run/ids.ts";
import { StepSnapshot } from "../run/snapshot.ts";
import { isWorkflowName } from "../workflow/names.ts";
import { Needs, NO_NEEDS } from "./resources.ts";

export const Natural = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
/** What is counted one by one, and what the columns of the store hold: below 2^31. */
export const Count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(2_147_483_647));
/** The fence as a query has it. */
export const FenceText = v.pipe(v.string(), v.regex(/^\d{1,9}$/), v.transform(Number));
export const Text = v.record(v.string(), v.string());

export const Grant = v.object({
  attemptId: Uuid,
  fence: v.pipe(Count, v.minValue(1)),
  /** `dagu_att_...`: goes into `Dagu-Attempt` of every call for this attempt. */
  attemptToken: v.string(),
  leaseMs: Natural,
  graceMs: Natural,
  startDeadlineMs: Natural,
  run: v.object({
    /** Folders of the runner's machine are called by it. */
    name: v.pipe(v.string(), v.check(isWorkflowName)),
    dagRunId: RunId,
    triggerType: v.string(),
    triggerActor: v.string(),
    trust: v.picklist(["trusted", "untrusted"]),
    queue: v.string(),
    labels: v.array(v.string()),
    /** RFC 3339, or "". */
    scheduleTime: v.string(),
    /** Automatic retries before this attempt (5.6). */
    autoRetries: Count,
    /** The outermost run; null: this one. */
    root: v.nullable(v.object({ name: v.string(), dagRunId: v.string() })),
    /** Folder of the workflow's file on the machine that started the run; "": unknown. */
    sourceDir: v.string(),
    /** Working directory for a workflow that names none; "": the run's own. */
    defaultDir: v.string(),
    needs: v.optional(Needs, NO_NEEDS),
  }),
  definition: v.object({
    /** `sha256:` and 64 hex digits, over the UTF-8 text. */
    digest: v.string(),
    yaml: v.string(),
    /** Name of the document that is executed; "": the first. */
    document: v.string(),
  }),
  /** Steps as an earlier attempt and people left them, to go on from; null: from the start. */
  resume: v.nullable(v.array(StepSnapshot)),
  params: v.object({
    /** Every parameter as text, defaults included, in declaration order; without those that an `eval` computes. */
    values: Text,
    /** `DAG_PARAMS_JSON` (P-15). */
    json: v.string(),
    /** Names whose value the caller gave: the runner executes the `eval` of the others (P-05). */
    given: v.optional(v.array(v.string())),
  }),
  /** Variables that the trigger brings (`DAGU_EVENT_*`). */
  env: Text,
  /** Large values by digest, fetched with GET /blobs/{digest}: `WEBHOOK_PAYLOAD`, `WEBHOOK_HEADERS`. */
  inputs: v.array(v.object({
    /** A variable, and the beginning of a file's name. */
    name: v.pipe(v.string(), v.regex(/^[A-Z_][A-Z0-9_]*$/)),
    digest: v.string(),
    sizeBytes: Natural,
  })),
});
export type Grant = v.InferOutput<typeof Grant>;
