/**
 * What a runner tells of its attempt (M6): in order, once, and only while its fence is current. The rows that people see
 * are the fold of the events, written in the same transaction.
 */
import * as v from "valibot";
import type { EventsReply, EventsRequest, WireEvent } from "../../protocol/messages.ts";
import { ContainerFacts, isTerminal, RunEventBody } from "../../run/event.ts";
import type { Failure } from "../../run/failure.ts";
import { newRunState, reduce, type RunState } from "../../run/state.ts";
import type { ServerPorts } from "../ports.ts";
import { type AttemptRow, endAttempt, isLive, markStarted, updateAttempt } from "../store/attempts.ts";
import type { Transaction } from "../store/db.ts";
import { appendEvents, storedKinds } from "../store/events.ts";
import { codeOf, failureOf, type RunRow, statusOf, updateRun } from "../store/runs.ts";
import { getSteps, listSteps, updateSteps } from "../store/steps.ts";
import { admitHeld, type AttemptCaller, fenced, type ReportRefusal } from "./caller.ts";
import { readDirectives } from "./claim.ts";
import { endFromOutside } from "./end.ts";
import { trimHistory } from "./history.ts";
import { queueResumed } from "./resume.ts";
import { retryFailed } from "./retry.ts";

export type Reported = { readonly ok: true; readonly reply: EventsReply } | ReportRefusal;

export async function reportEvents(
  ports: ServerPorts,
  caller: AttemptCaller,
  request: EventsRequest,
): Promise<Reported> {
  const outcome = await ports.db.transaction((tx) => store(tx, ports, caller, request));
  if (!outcome.ok) {
    if (outcome.code === "conflict") await endContradicted(ports, caller.attemptId, outcome.message);
    return outcome;
  }
  ports.wake.notify(`run:${outcome.runId}`);
  if (outcome.isEnd) ports.wake.notify("ready");
  if (outcome.endedRun !== null) ports.background(trimHistory(ports, outcome.endedRun));
  const directives = await readDirectives(ports.db, caller.runnerId);
  return { ok: true, reply: { ackSeq: outcome.ackSeq, runStatus: outcome.runStatus, directives } };
}

/** A runner that contradicts itself tells nothing more of the attempt: nobody else would end it (M6). */
async function endContradicted(ports: ServerPorts, attemptId: string, message: string): Promise<void> {
  const failure = {
    code: "INTERNAL" as const,
    message,
    remedy: "look at the runner's log; start the run again",
  };
  await endFromOutside(ports, attemptId, { state: "failed", reason: "internal", failure });
}

type Stored =
  | {
    readonly ok: true;
    readonly runId: string;
    readonly ackSeq: number;
    readonly runStatus: EventsReply["runStatus"];
    readonly isEnd: boolean;
    /** Set with the end of an attempt of a run that no step started. */
    readonly endedRun: RunRow | null;
  }
  | ReportRefusal;

async function store(
  tx: Transaction,
  ports: ServerPorts,
  caller: AttemptCaller,
  request: EventsRequest,
): Promise<Stored> {
  const held = await admitHeld(tx, caller, request.fence);
  if (!held.ok) return held;
  const { run, attempt } = held;

  const events = request.events;
  if (events.some((event, index) => event.seq !== request.firstSeq + index)) {
    return { ok: false, code: "invalid", message: "events are not numbered from firstSeq on without holes" };
  }
  if (request.firstSeq > attempt.ackSeq + 1) {
    const expectedSeq = attempt.ackSeq + 1;
    return {
      ok: false,
      code: "seq_gap",
      message: `expected event ${expectedSeq}, got ${request.firstSeq}`,
      expectedSeq,
    };
  }
  const conflict = await findConflict(tx, run, attempt, events);
  if (conflict !== null) return conflict;
  const fresh = events.filter((event) => event.seq > attempt.ackSeq);
  const done = {
    ok: true,
    runId: run.id,
    runStatus: statusOf(run.status),
    isEnd: false,
    endedRun: null,
  } as const;
  if (fresh.length === 0) return { ...done, ackSeq: attempt.ackSeq };
  // A finished attempt acknowledges what it had told, and hears nothing new (M6, EV-03).
  if (!isLive(attempt)) return fenced();

  const end = fresh.findIndex(isTerminal);
  if (end !== -1 && end !== fresh.length - 1) {
    return { ok: false, code: "invalid", message: "events follow attempt.finished" };
  }
  const now = new Date(ports.clock.now());
  const { before, after: state } = await foldEvents(tx, run, fresh);
  const ackSeq = request.firstSeq + events.length - 1;
  const told = {
    ackSeq,
    hasBegun: attempt.startedAt === null && state.startedAt !== null,
    isEnd: end !== -1,
  };
  // Asked for together they are one way to the database and back; it answers them in this order.
  await Promise.all([
    appendEvents(tx, { runId: run.id, fence: attempt.fence }, fresh, now),
    updateSteps(tx, run.id, state.steps.filter((step, index) => step !== before.steps[index])),
    updateRun(tx, run.id, columnsOf(run, state)),
    ...attemptWrites(tx, attempt, state, told, now),
  ]);
  if (end !== -1) await goOnAfter(tx, ports, run, state);
  const endedRun = end !== -1 && run.parentId === null ? run : null;
  return { ...done, ackSeq, runStatus: state.status, isEnd: end !== -1, endedRun };
}

function attemptWrites(
  tx: Transaction,
  attempt: AttemptRow,
  state: RunState,
  { ackSeq, hasBegun, isEnd }: {
    readonly ackSeq: number;
    readonly hasBegun: boolean;
    readonly isEnd: boolean;
  },
  now: Date,
): Promise<void>[] {
  const begun = hasBegun ? [markStarted(tx, attempt.id, ackSeq, now)] : [];
  if (!isEnd) return hasBegun ? begun : [updateAttempt(tx, attempt.id, { ackSeq })];
  const outcome = state.status === "running" || state.status === "not_started" ? "failed" : state.status;
  const end = { state: outcome === "queued" ? "failed" as const : outcome, reason: reasonOf(state), ackSeq };
  return [...begun, endAttempt(tx, attempt.id, end, now)];
}

/** A run does not end with its attempt when it is to be retried, or when people were faster than the runner. */
async function goOnAfter(tx: Transaction, ports: ServerPorts, run: RunRow, state: RunState): Promise<void> {
  if (state.status !== "waiting") {
    await retryFailed(tx, ports, run, state);
    return;
  }
  const steps = await listSteps(tx, run.id);
  if (steps.every((step) => step.status !== "waiting")) await queueResumed(tx, ports, run, { kind: "rest" });
}

/** The same number must tell the same story (M6). */
async function findConflict(
  tx: Transaction,
  run: RunRow,
  attempt: AttemptRow,
  events: readonly WireEvent[],
): Promise<ReportRefusal | null> {
  const repeated = events.filter((event) => event.seq <= attempt.ackSeq);
  const [first] = repeated;
  const last = repeated.at(-1);
  if (first === undefined || last === undefined) return null;
  const stored = await storedKinds(tx, { runId: run.id, fence: attempt.fence }, first.seq, last.seq);
  const isSame = stored.length === repeated.length &&
    stored.every((row, index) =>
      row.type === repeated[index]?.type && row.step === (repeated[index]?.step ?? null)
    );
  return isSame ? null : {
    ok: false,
    code: "conflict",
    message: `events ${first.seq} to ${last.seq} were told before with other content`,
  };
}

/** Over the rows that the events touch: the run, the named steps, and at the end those still under way. */
async function foldEvents(
  tx: Transaction,
  run: RunRow,
  events: readonly WireEvent[],
): Promise<{ readonly before: RunState; readonly after: RunState }> {
  const names = [...new Set(events.flatMap((event) => event.step === undefined ? [] : [event.step]))];
  const steps = await getSteps(tx, run.id, names, events.some(isTerminal));
  const before = toState(run, steps);
  const after = events.reduce((state, event) => {
    const body = readBody(event);
    return body === null ? state : reduce(state, { ...body, at: event.at });
  }, before);
  return { before, after };
}

function columnsOf(run: RunRow, state: RunState): Parameters<typeof updateRun>[2] {
  const isOver = state.finishedAt !== null;
  return {
    status: codeOf(state.status),
    startedAt: run.startedAt ?? dateOf(state.startedAt),
    finishedAt: isOver ? dateOf(state.finishedAt) : null,
    failure: state.failure,
    reason: isOver ? reasonOf(state) : "",
    container: state.container,
    notes: state.notes,
  };
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

function toState(run: RunRow, steps: RunState["steps"]): RunState {
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

function reasonOf(state: RunState): string {
  return state.failure?.code.toLowerCase() ?? "";
}

function dateOf(epochMs: number | null): Date | null {
  return epochMs === null ? null : new Date(epochMs);
}
