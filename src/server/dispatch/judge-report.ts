/** What one report comes to, decided from the rows that it is about: a refusal, or what is to be written. Pure. */
import * as v from "valibot";
import type { EventsReply, EventsRequest, WireEvent } from "../../protocol/messages.ts";
import { ContainerFacts, EpochMs, isTerminal, RunEventBody } from "../../run/event.ts";
import { type Failure, reasonOf } from "../../run/failure.ts";
import { newRunState, reduce, type RunState } from "../../run/state.ts";
import { isLive } from "../store/attempts.ts";
import type { Held, ReportWrite } from "../store/reports.ts";
import { codeOf, failureOf, statusOf } from "../store/runs.ts";
import { type AttemptCaller, fenced, notFound, refusalOf, type ReportRefusal } from "./caller.ts";
import { onOurClock, type RunnerClock } from "./runner-clock.ts";

export type Judged =
  | {
    readonly ok: true;
    readonly run: Held["run"];
    readonly ackSeq: number;
    readonly runStatus: EventsReply["runStatus"];
    /** null: nothing that was not told before. */
    readonly write: ReportWrite | null;
  }
  | ReportRefusal;

/** Steps that the events touch by name. */
export function namesOf(events: readonly WireEvent[]): string[] {
  return [...new Set(events.flatMap((event) => event.step === undefined ? [] : [event.step]))];
}

export function tellsEnd(events: readonly WireEvent[]): boolean {
  return events.some(isTerminal);
}

/** Events that the attempt has told before, under the same numbers. */
export function repeatedOf({ attempt }: Held, { events }: EventsRequest): WireEvent[] {
  return events.filter((event) => event.seq <= attempt.ackSeq);
}

/** `steps`: those that the events name, and at an end those under way. `stored`: what `repeatedOf` finds in the record. */
export function judgeReport(
  caller: AttemptCaller,
  request: EventsRequest,
  held: Held | null,
  steps: RunState["steps"],
  stored: readonly Pick<WireEvent, "type" | "step">[] | readonly { type: string; step: string | null }[],
): Judged {
  if (held === null) return notFound(caller.attemptId);
  const { attempt, run } = held;
  const refusal = refusalOf(attempt, caller, request.fence) ?? checkNumbers(attempt.ackSeq, request) ??
    checkRepeated(repeatedOf(held, request), stored);
  if (refusal !== null) return refusal;
  const fresh = request.events.filter((event) => event.seq > attempt.ackSeq)
    .map((event) => toldOnOurClock(event, caller.clock));
  if (fresh.length === 0) {
    return { ok: true, run, ackSeq: attempt.ackSeq, runStatus: statusOf(run.status), write: null };
  }
  // A finished attempt acknowledges what it had told, and hears nothing new (M6, EV-03).
  if (!isLive(attempt)) return fenced();
  const end = fresh.findIndex(isTerminal);
  if (end !== -1 && end !== fresh.length - 1) {
    return { ok: false, code: "invalid", message: "events follow attempt.finished" };
  }
  const before = toState(run, steps);
  const state = fold(before, fresh);
  const ackSeq = request.firstSeq + request.events.length - 1;
  const isEnd = end !== -1;
  const isBeginning = !held.hasBegun && state.startedAt !== null;
  const write: ReportWrite = {
    attemptId: attempt.id,
    runId: run.id,
    fence: attempt.fence,
    events: fresh,
    ackSeq,
    attemptState: isEnd
      ? endOf(state)
      : isBeginning && attempt.state === "claimed"
      ? "started"
      : attempt.state,
    attemptReason: isEnd ? reasonOf(state.failure) : "",
    isBeginning,
    isEnd,
    hasDirectives: attempt.cancelRequestedAt !== null,
    hasSlot: run.needsSlot,
    steps: state.steps.filter((step, index) => step !== before.steps[index]),
    run: columnsOf(run, state),
  };
  return { ok: true, run, ackSeq, runStatus: state.status, write };
}

/** Times are shown beside those of other machines (RP-25). */
function toldOnOurClock(event: WireEvent, clock: RunnerClock | undefined): WireEvent {
  const at = clock === undefined ? event.at : onOurClock(event.at, clock);
  return at !== event.at && v.is(EpochMs, at) ? { ...event, at } : event;
}

function checkNumbers(ackSeq: number, { firstSeq, events }: EventsRequest): ReportRefusal | null {
  if (events.some((event, index) => event.seq !== firstSeq + index)) {
    return { ok: false, code: "invalid", message: "events are not numbered from firstSeq on without holes" };
  }
  const expectedSeq = ackSeq + 1;
  if (firstSeq <= expectedSeq) return null;
  return {
    ok: false,
    code: "seq_gap",
    message: `expected event ${expectedSeq}, got ${firstSeq}`,
    expectedSeq,
  };
}

/** The same number must tell the same story (M6). */
function checkRepeated(
  repeated: readonly WireEvent[],
  stored: readonly { readonly type: string; readonly step?: string | null | undefined }[],
): ReportRefusal | null {
  const isSame = stored.length === repeated.length &&
    stored.every((row, index) =>
      row.type === repeated[index]?.type && (row.step ?? null) === (repeated[index]?.step ?? null)
    );
  if (isSame) return null;
  const [first, last] = [repeated[0]?.seq, repeated.at(-1)?.seq];
  return {
    ok: false,
    code: "conflict",
    message: `events ${first} to ${last} were told before with other content`,
  };
}

function fold(before: RunState, events: readonly WireEvent[]): RunState {
  return events.reduce((state, event) => {
    const body = readBody(event);
    return body === null ? state : reduce(state, { ...body, at: event.at });
  }, before);
}

/**
 * null: of a type, or with data, that this version does not know, which is stored and changes nothing (EV-01).
 * Only an end has to be one, whatever it says: nobody will tell another.
 */
function readBody(event: WireEvent): RunEventBody | null {
  const body = v.safeParse(RunEventBody, event);
  if (body.success) return body.output;
  if (!isTerminal(event)) return null;
  const error: Failure = {
    code: "INTERNAL",
    message:
      `the runner told the attempt's end, ${event.type}, in a form that this control plane cannot read`,
    remedy: "update the control plane: the runner is probably newer; what it told is among the run's events",
  };
  return { type: "attempt.finished", data: { status: "failed", error } };
}

function columnsOf(run: Held["run"], state: RunState): ReportWrite["run"] {
  const isOver = state.finishedAt !== null;
  return {
    status: codeOf(state.status),
    startedAt: run.startedAt ?? dateOf(state.startedAt),
    finishedAt: isOver ? dateOf(state.finishedAt) : null,
    failure: state.failure,
    reason: isOver ? reasonOf(state.failure) : "",
    container: state.container,
    notes: state.notes,
  };
}

function endOf({ status }: RunState): ReportWrite["attemptState"] {
  return status === "running" || status === "not_started" || status === "queued" ? "failed" : status;
}

function toState(run: Held["run"], steps: RunState["steps"]): RunState {
  return {
    ...newRunState({ steps: [], handlers: {} }),
    status: statusOf(run.status),
    startedAt: run.startedAt?.getTime() ?? null,
    failure: failureOf(run),
    steps,
    container: v.is(ContainerFacts, run.container) ? run.container : null,
    notes: v.is(v.array(v.string()), run.notes) ? run.notes : [],
  };
}

function dateOf(epochMs: number | null): Date | null {
  return epochMs === null ? null : new Date(epochMs);
}
