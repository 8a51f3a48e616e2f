/** Rows -> the JSON that clients of the original know (3.2), with our additions beside it. */
import * as v from "valibot";
import { ContainerFacts, RUN_STATUSES } from "../../run/event.ts";
import type { Failure } from "../../run/failure.ts";
import type { Workflow } from "../../workflow/workflow.ts";
import { failureOf, type RunRow, statusOf } from "../store/runs.ts";
import type { StepRow } from "../store/steps.ts";
import { type NodeShape, toNode } from "./node-shape.ts";

export interface RunSummary {
  readonly dagRunId: string;
  readonly name: string;
  readonly status: number;
  readonly statusLabel: string;
  readonly queuedAt: string;
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly params: string;
  readonly labels: readonly string[];
  readonly triggerType: string;
  readonly triggerActor: string;
  /** The slot that it was started for. */
  readonly scheduleTime?: string;
  readonly workerId: string;
  readonly reason: string;
  readonly autoRetryCount: number;
  readonly artifactsAvailable: boolean;
}

export function toSummary(run: RunRow): RunSummary {
  const params = v.is(v.object({ json: v.string() }), run.params) ? run.params.json : "";
  return {
    dagRunId: run.dagRunId,
    name: run.name,
    status: run.status,
    statusLabel: statusOf(run.status),
    queuedAt: timeOf(run.queuedAt),
    startedAt: timeOf(run.startedAt),
    finishedAt: timeOf(run.finishedAt),
    params,
    labels: run.labels,
    triggerType: run.triggerType,
    triggerActor: run.triggerActor,
    ...(run.scheduleTime === null ? {} : { scheduleTime: run.scheduleTime.toISOString() }),
    workerId: run.runnerId ?? "",
    reason: run.reason,
    autoRetryCount: run.autoRetries,
    artifactsAvailable: run.hasArtifacts,
  };
}

export interface RunDetails extends RunSummary {
  readonly rootDAGRunName: string;
  readonly rootDAGRunId: string;
  readonly parentDAGRunName?: string;
  readonly parentDAGRunId?: string;
  readonly log: string;
  readonly nodes: readonly NodeShape[];
  readonly onInit?: NodeShape;
  readonly onExit?: NodeShape;
  readonly onSuccess?: NodeShape;
  readonly onFailure?: NodeShape;
  readonly onAbort?: NodeShape;
  readonly onWait?: NodeShape;
  readonly sourceFileName: string;
  readonly failure: Failure | null;
  readonly container: ContainerFacts | null;
  readonly notes: readonly string[];
  readonly cancelRequested: boolean;
}

/** null: it is the outermost run itself, or the run above it is gone. */
export interface RunsAbove {
  readonly parent: RunRow | null;
  readonly root: RunRow | null;
}

/** `workflow`: as the run executes it; null when its text cannot be read any more. */
export function toDetails(
  run: RunRow,
  steps: readonly StepRow[],
  workflow: Workflow | null,
  above: RunsAbove,
): RunDetails {
  const declared = new Map((workflow?.steps ?? []).map((step) => [step.name, step]));
  const handlers = Object.fromEntries(
    steps.filter((step) => step.isHandler).map((step) => [step.name, toNode(step, undefined)]),
  );
  return {
    ...toSummary(run),
    rootDAGRunName: above.root?.name ?? run.name,
    rootDAGRunId: above.root?.dagRunId ?? run.dagRunId,
    ...(above.parent === null
      ? {}
      : { parentDAGRunName: above.parent.name, parentDAGRunId: above.parent.dagRunId }),
    log: "",
    nodes: steps.filter((step) => !step.isHandler).map((step) => toNode(step, declared.get(step.name))),
    ...handlers,
    sourceFileName: run.fileName ?? "",
    failure: failureOf(run),
    container: v.is(ContainerFacts, run.container) ? run.container : null,
    notes: v.is(v.array(v.string()), run.notes) ? run.notes : [],
    cancelRequested: run.cancelRequestedAt !== null,
  };
}

function timeOf(date: Date | null): string {
  return date === null ? "" : date.toISOString();
}

/** Codes of `?status=`; null: one that does not exist. */
export function statusesOf(codes: readonly string[]): (typeof RUN_STATUSES)[number][] | null {
  const statuses = codes.map((code) =>
    /^\d$/.test(code) ? RUN_STATUSES[Number(code)] : RUN_STATUSES.find((status) => status === code)
  );
  return statuses.every((status) => status !== undefined)
    ? statuses.filter((status) => status !== undefined)
    : null;
}
