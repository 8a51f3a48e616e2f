/** The API's answers about runs, as far as the CLI reads them. */
import * as v from "valibot";
import { Failure } from "../run/failure.ts";

const Node = v.object({
  step: v.object({
    name: v.string(),
    id: v.optional(v.string()),
    commands: v.array(v.object({ command: v.string() })),
    humanTask: v.optional(v.object({ form: v.optional(v.record(v.string(), v.unknown())) })),
  }),
  statusLabel: v.string(),
  startedAt: v.string(),
  finishedAt: v.string(),
  exitCode: v.nullable(v.number()),
  reason: v.string(),
  failure: v.nullable(Failure),
  logSizes: v.object({ stdout: v.number(), stderr: v.number() }),
  /** Runs that the step started. */
  subRuns: v.optional(v.array(v.object({ name: v.string(), dagRunId: v.string() }))),
  /** What a person is asked for while the step waits. */
  prompt: v.optional(v.nullable(v.string()), null),
  form: v.optional(v.nullable(v.record(v.string(), v.unknown())), null),
  /** How its work was sent back. */
  pushBackHistory: v.optional(
    v.array(v.object({ by: v.string(), inputs: v.record(v.string(), v.string()) })),
    [],
  ),
});
export type Node = v.InferOutput<typeof Node>;

export const RunDetails = v.object({
  dagRunId: v.string(),
  name: v.string(),
  /** Of a run that a step of another started. */
  parentDAGRunName: v.optional(v.string()),
  parentDAGRunId: v.optional(v.string()),
  params: v.optional(v.string(), ""),
  status: v.number(),
  statusLabel: v.string(),
  queuedAt: v.string(),
  startedAt: v.string(),
  finishedAt: v.string(),
  nodes: v.array(Node),
  onInit: v.optional(Node),
  onSuccess: v.optional(Node),
  onFailure: v.optional(Node),
  onAbort: v.optional(Node),
  onExit: v.optional(Node),
  onWait: v.optional(Node),
  failure: v.nullable(Failure),
  notes: v.array(v.string()),
  /** Of a queued run: what it waits for (QU-20). */
  conditions: v.optional(
    v.array(v.object({ type: v.string(), status: v.string(), message: v.string() })),
    [],
  ),
});
export type RunDetails = v.InferOutput<typeof RunDetails>;

export const Started = v.object({ dagRunId: v.string(), dagName: v.string() });
export const DetailsAnswer = v.object({ dagRunDetails: RunDetails });

/** Steps, then handlers in the order in which they may have run. */
export function nodesOf(run: RunDetails): Node[] {
  const handlers = [run.onInit, run.onSuccess, run.onFailure, run.onAbort, run.onExit, run.onWait];
  return [...run.nodes, ...handlers.filter((node) => node !== undefined)];
}

export function isOver(run: RunDetails): boolean {
  return !["not_started", "queued", "running", "waiting"].includes(run.statusLabel);
}

/** A moment as the API writes it; "": it has not come yet. */
export function timeOf(epochMs: number | null): string {
  return epochMs === null ? "" : new Date(epochMs).toISOString();
}

/** The path of a run below `/api/v1`. */
export function runPath(run: { readonly name: string; readonly dagRunId: string }): string {
  return `/dag-runs/${encodeURIComponent(run.name)}/${encodeURIComponent(run.dagRunId)}`;
}

/** 0 for succeeded, partially succeeded, waiting, and aborted by an unmet precondition; 1 otherwise. */
export function exitCodeOf(run: RunDetails): number {
  if (["succeeded", "partially_succeeded", "waiting"].includes(run.statusLabel)) return 0;
  const isUnmet = run.statusLabel === "aborted" && run.failure === null;
  return isUnmet ? 0 : 1;
}
