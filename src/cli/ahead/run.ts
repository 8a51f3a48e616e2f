/** The one run that is ahead of its database, as the fold of what its runner told: for who follows it, and for its summary. */
import * as v from "valibot";
import { concat } from "../../run/bytes.ts";
import { RUN_STATUSES, RunEventBody } from "../../run/event.ts";
import { reasonOf } from "../../run/failure.ts";
import type { StreamName } from "../../run/ports.ts";
import { newRunState, reduce, type RunState } from "../../run/state.ts";
import type { AheadReport } from "../../server/dispatch/adopt.ts";
import { type NodeShape, toNode } from "../../server/http/node-shape.ts";
import type { RunDetails } from "../../server/http/shapes.ts";
import type { NewRun } from "../../server/store/runs.ts";
import { timeOf } from "../run-json.ts";

export interface RunAhead {
  readonly planned: NewRun;
  /** Number of the last event; 0: none. */
  readonly ackSeq: number;
  readonly state: RunState;
  /** Takes in what was acknowledged. */
  tell(report: AheadReport): void;
  log(step: string, stream: StreamName): LogAhead;
  details(): RunDetails;
}

export interface LogAhead {
  readonly length: number;
  bytes(): Uint8Array;
}

/** `at`: when it was submitted, epoch ms. */
export function newRunAhead(planned: NewRun, at: number): RunAhead {
  const logs = new Map<string, { parts: Uint8Array[]; length: number }>();
  let state = newRunState(planned.workflow);
  let ackSeq = 0;

  const logOf = (step: string, stream: StreamName) => {
    const key = `${stream} ${step}`;
    const known = logs.get(key) ?? { parts: [], length: 0 };
    logs.set(key, known);
    return known;
  };
  return {
    planned,
    get ackSeq() {
      return ackSeq;
    },
    get state() {
      return state;
    },
    tell: (report) => {
      if (report.kind === "log") {
        const { step, stream, bytes } = report.piece;
        const log = logOf(step, stream);
        log.parts.push(bytes);
        log.length += bytes.length;
        return;
      }
      for (const event of report.request.events) {
        const body = v.safeParse(RunEventBody, event);
        if (body.success) state = reduce(state, { ...body.output, at: event.at });
        ackSeq = event.seq;
      }
    },
    log: (step, stream) => {
      const log = logOf(step, stream);
      return { length: log.length, bytes: () => joined(log) };
    },
    details: () => toDetails(planned, at, state),
  };
}

/** Joined once, not at each look. */
function joined(log: { parts: Uint8Array[] }): Uint8Array {
  if (log.parts.length > 1) log.parts = [concat(log.parts)];
  return log.parts[0] ?? new Uint8Array();
}

function toDetails(planned: NewRun, at: number, state: RunState): RunDetails {
  const declared = new Map(planned.workflow.steps.map((step) => [step.name, step]));
  const handlers: Record<string, NodeShape> = Object.fromEntries(
    state.handlers.map((step) => [step.name, toNode(step, undefined)]),
  );
  return {
    dagRunId: planned.dagRunId,
    name: planned.name,
    status: RUN_STATUSES.indexOf(state.status),
    statusLabel: state.status,
    queuedAt: timeOf(at),
    startedAt: timeOf(state.startedAt),
    finishedAt: timeOf(state.finishedAt),
    params: planned.params.json,
    labels: planned.labels,
    triggerType: planned.triggerType,
    triggerActor: planned.triggerActor,
    workerId: "",
    reason: reasonOf(state.failure),
    autoRetryCount: 0,
    artifactsAvailable: false,
    rootDAGRunName: planned.name,
    rootDAGRunId: planned.dagRunId,
    log: "",
    nodes: state.steps.map((step) => toNode(step, declared.get(step.name))),
    ...handlers,
    sourceFileName: "",
    failure: state.failure,
    container: state.container,
    notes: state.notes,
    cancelRequested: false,
  };
}
