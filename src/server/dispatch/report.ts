/**
 * What runners tell of their attempts (M6): in order, once, and only while the fence is current. The rows that people see
 * are the fold of the events, written in the same transaction. Reports of different attempts may share one; each is judged
 * for itself, and none is answered before the commit.
 */
import type { EventsReply, EventsRequest } from "../../protocol/messages.ts";
import type { ServerPorts } from "../ports.ts";
import { openDirectives } from "../store/attempts.ts";
import type { Transaction } from "../store/db.ts";
import { storedKinds } from "../store/events.ts";
import { isAway } from "../store/failure.ts";
import { goByIndex } from "../store/query.ts";
import { holdReported, type ReportWrite, stepsOfReported, writeReports } from "../store/reports.ts";
import { failureOf, lockRun, statusOf } from "../store/runs.ts";
import { resumeSoon } from "./awaited.ts";
import type { AttemptCaller, ReportRefusal } from "./caller.ts";
import { toDirective } from "./directives.ts";
import { endFromOutside } from "./end.ts";
import { type Ends, newGather } from "./gather.ts";
import { trimHistory } from "./history.ts";
import { type Judged, judgeReport, namesOf, repeatedOf, tellsEnd } from "./judge-report.ts";
import { queueResumed, settle } from "./resume.ts";
import { retryFailed } from "./retry.ts";

export interface Report {
  readonly caller: AttemptCaller;
  readonly request: EventsRequest;
}

export type Reported = { readonly ok: true; readonly reply: EventsReply } | ReportRefusal;

/** Reports that one transaction takes: enough for its costs to be shared, few enough for nobody to wait long. */
const GROUP_MAX = 100;
/** Transactions of reports at once, of the pool's ten connections. */
const GROUPS_AT_ONCE = 3;

/** One report after the other and at once, as they come: those that come together share a transaction. */
export function newReports(ports: ServerPorts): (report: Report) => Promise<Reported> {
  return newGather<Report, Reported>({
    work: (reports) => reportTogether(ports, reports),
    keyOf: ({ caller }) => caller.attemptId,
    groupMax: GROUP_MAX,
    hands: GROUPS_AT_ONCE,
  });
}

/** Of different attempts. What one of them breaks fails that one alone. */
async function reportTogether(ports: ServerPorts, reports: readonly Report[]): Promise<Ends<Reported>> {
  try {
    const reported = await storeTogether(ports, reports);
    return reported.map((value) => ({ status: "fulfilled", value }));
  } catch (reason) {
    if (reports.length === 1 || isAway(reason)) {
      return reports.map(() => ({ status: "rejected", reason }));
    }
    const ends: PromiseSettledResult<Reported>[] = [];
    for (const report of reports) ends.push(...await reportTogether(ports, [report]));
    return ends;
  }
}

async function storeTogether(ports: ServerPorts, reports: readonly Report[]): Promise<Reported[]> {
  const { judged, directives } = await ports.db.transaction((tx) => store(tx, ports, reports));
  let isAnyOver = false;
  const trimmed = new Set<string>();
  for (const one of judged) {
    if (!one.ok) continue;
    ports.wake.notify(`run:${one.run.id}`);
    if (one.write?.isEnd !== true) continue;
    isAnyOver = true;
    // Only what nobody's step started; and once for all runs of a workflow that ended together.
    const { id, name, keepDays, keepRuns, parentId } = one.run;
    if (parentId !== null) resumeSoon(ports, parentId);
    // What it waits for may have ended before it did.
    if (statusOf(one.write.run.status) === "waiting") resumeSoon(ports, id);
    const rule = `${name} ${keepDays} ${keepRuns}`;
    if (parentId !== null || trimmed.has(rule)) continue;
    trimmed.add(rule);
    ports.background(trimHistory(ports, one.run));
  }
  if (isAnyOver) ports.wake.notify("ready");
  for (const [index, one] of judged.entries()) {
    const attemptId = reports[index]?.caller.attemptId ?? "";
    if (!one.ok && one.code === "conflict") await endContradicted(ports, attemptId, one.message);
  }
  return judged.map((one, index) => {
    if (!one.ok) return one;
    const mine = directives.get(reports[index]?.caller.runnerId ?? "") ?? [];
    const { ackSeq, runStatus } = one;
    return { ok: true, reply: { ackSeq, runStatus, directives: mine.map(toDirective) } };
  });
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

interface Stored {
  /** In the order of the reports. */
  readonly judged: readonly Judged[];
  readonly directives: Awaited<ReturnType<typeof openDirectives>>;
}

async function store(tx: Transaction, ports: ServerPorts, reports: readonly Report[]): Promise<Stored> {
  const now = new Date(ports.clock.now());
  // Asked for together they are one way to the database and back; it answers them in this order.
  const [, held, steps] = await Promise.all([
    goByIndex(tx),
    holdReported(tx, reports.map(({ caller }) => caller.attemptId)),
    stepsOfReported(
      tx,
      reports.map(({ caller: { attemptId }, request: { events } }) => (
        { attemptId, names: namesOf(events), andOpen: tellsEnd(events) }
      )),
    ),
  ]);
  const judged: Judged[] = [];
  for (const { caller, request } of reports) {
    const mine = held.get(caller.attemptId) ?? null;
    const repeated = mine === null ? [] : repeatedOf(mine, request);
    const [first, last] = [repeated[0], repeated.at(-1)];
    const stored = mine === null || first === undefined || last === undefined
      ? []
      : await storedKinds(tx, mine.attempt, first.seq, last.seq);
    judged.push(judgeReport(caller, request, mine, steps.get(caller.attemptId) ?? [], stored));
  }
  const writes = judged.flatMap((one) => one.ok && one.write !== null ? [one.write] : []);
  const runnerIds = new Set(reports.map(({ caller }) => caller.runnerId));
  const [, directives] = await Promise.all([
    writeReports(tx, writes, now),
    openDirectives(tx, [...runnerIds]),
  ]);
  for (const write of writes) {
    if (write.isEnd) await goOnAfter(tx, ports, write);
  }
  return { judged, directives };
}

/** A run does not end with its attempt when it is to be retried, or when people were faster than the runner. */
async function goOnAfter(
  tx: Transaction,
  ports: ServerPorts,
  { runId, run: told }: ReportWrite,
): Promise<void> {
  const status = statusOf(told.status);
  if (status !== "waiting" && status !== "failed") return;
  const run = await lockRun(tx, runId);
  if (run === null) return;
  if (status === "failed") {
    await retryFailed(tx, ports, run, { status, failure: failureOf(run) });
    return;
  }
  const steps = await settle(tx, run);
  if (steps.every((step) => step.status !== "waiting")) await queueResumed(tx, ports, run, { kind: "rest" });
}
