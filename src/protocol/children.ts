/** Runs that a step of another run starts (control-plane contract M9). */
import * as v from "valibot";
import { RunStatus } from "../run/event.ts";
import { Failure } from "../run/failure.ts";
import { RunId } from "../run/ids.ts";
import { Count, Grant, Text } from "./grant.ts";

/** Parameters as the step gives them; the control plane binds them. */
const GivenParams = v.variant("kind", [
  v.object({ kind: v.literal("none") }),
  v.object({ kind: v.literal("text"), text: v.string() }),
  v.object({ kind: v.literal("tokens"), tokens: v.array(v.string()) }),
  v.object({ kind: v.literal("json"), json: v.string() }),
]);

export const ChildRequest = v.object({
  fence: Count,
  /** Unique per run, not per attempt: a retry finds the same child. */
  key: v.pipe(v.string(), v.minLength(1), v.maxLength(1_048_576)),
  step: v.pipe(v.string(), v.maxLength(255)),
  /** A document of the parent's own file, a stored workflow, or a text that the runner read. */
  target: v.variant("kind", [
    v.object({ kind: v.literal("local"), document: v.string() }),
    v.object({ kind: v.literal("stored"), name: v.string() }),
    v.object({ kind: v.literal("text"), name: v.string(), yaml: v.string() }),
  ]),
  params: GivenParams,
  /** `run`: the caller waits, and executes the child itself unless a selector asks for another runner. */
  mode: v.picklist(["run", "enqueue"]),
  queue: v.nullable(v.string()),
  workerSelector: Text,
});
export type ChildRequest = v.InferOutput<typeof ChildRequest>;

/** What is known of a child; `outputs` and `failure` once it is over. */
export const ChildView = v.object({
  name: v.string(),
  dagRunId: RunId,
  status: RunStatus,
  queue: v.string(),
  failure: v.nullable(Failure),
  outputs: Text,
});
export type ChildView = v.InferOutput<typeof ChildView>;

export const ChildReply = v.object({
  child: ChildView,
  alreadyExists: v.boolean(),
  /** Set: the caller executes this attempt of the child. */
  grant: v.nullable(Grant),
});
export type ChildReply = v.InferOutput<typeof ChildReply>;

/** All children of a run; `cursor` changes with any of them. */
export const ChildList = v.object({
  children: v.array(v.object({
    /** SHA-256 of the key that the step gave it. */
    key: v.string(),
    name: v.string(),
    dagRunId: v.string(),
    status: RunStatus,
  })),
  cursor: v.string(),
});
export type ChildList = v.InferOutput<typeof ChildList>;

/** A child that is queued, and for which its parent's runner waits, is to be executed by that runner itself. */
export const ChildClaimRequest = v.object({
  fence: Count,
  /** Makes it repeatable, as a claim's. */
  claimId: v.pipe(v.string(), v.uuid()),
  labels: Text,
});
export type ChildClaimRequest = v.InferOutput<typeof ChildClaimRequest>;

/** null: it may not, or somebody else has it. */
export const ChildClaimReply = v.object({ grant: v.nullable(Grant) });
export type ChildClaimReply = v.InferOutput<typeof ChildClaimReply>;
