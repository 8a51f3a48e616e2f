/** The invariants of the control-plane contract (5.10) over each run and each attempt, asserted whenever one was written. */
import type { RunStatus } from "../../src/run/event.ts";
import { newQueueChecks } from "./check-queues.ts";
import { newRecordChecks } from "./check-records.ts";
import { newTreeChecks } from "./check-trees.ts";
import type { Seen, SeenAttempt, SeenRun } from "./observed.ts";
import type { Deed } from "./plays.ts";
import type { Truth } from "./truth.ts";
import { ensure, FINAL, labelOf, LIVE, statusOf, Violation } from "./violation.ts";

export interface Checker {
  /** Throws the first violation. */
  check(seen: Seen): void;
  /** Work begins while this other work is alive. */
  onBegin(deed: Deed, alive: Iterable<Deed>): void;
}

/** Checks of one kind: `before` is what it was called with the last time. */
export interface Checks {
  check(seen: Seen, before: Past): void;
}

/** As it was at the last look. */
export interface Past {
  readonly runs: ReadonlyMap<string, SeenRun>;
  readonly attempts: ReadonlyMap<string, SeenAttempt>;
}

const MARGIN_MS = 10_000;
const MAX_REQUEUES = 5;

/** 4.2, but for what only people do: a retry (ST-14) leads from any final state to the queue. */
const NEXT: Readonly<Record<RunStatus, readonly RunStatus[]>> = {
  queued: ["not_started", "aborted", "failed"],
  not_started: ["running", "queued", "waiting", ...FINAL],
  running: ["waiting", "queued", ...FINAL],
  waiting: ["queued", "aborted", "rejected"],
  failed: ["queued", "aborted"],
  aborted: ["queued"],
  succeeded: ["queued"],
  partially_succeeded: ["queued"],
  rejected: ["queued"],
};

export function newChecker(truth: Truth): Checker {
  const runs = new Map<string, SeenRun>();
  const attempts = new Map<string, SeenAttempt>();
  const others: readonly Checks[] = [newQueueChecks(truth), newTreeChecks(truth), newRecordChecks(truth)];
  return {
    check: (seen) => {
      for (const run of seen.changedRuns) checkRun(run, runs.get(run.id));
      const slots = new Set(seen.queues.flatMap(({ taken }) => taken));
      for (const attempt of seen.changedAttempts) {
        checkAttempt(truth, attempt, seen, slots);
        checkStep(truth, attempt, attempts);
      }
      for (const id of seen.leases.keys()) checkTimes(truth, id, seen);
      for (const other of others) other.check(seen, { runs, attempts });
      for (const run of seen.changedRuns) runs.set(run.id, run);
      for (const attempt of seen.changedAttempts) attempts.set(attempt.id, attempt);
    },
    onBegin: (deed, alive) => {
      for (const other of alive) {
        if (other.run !== deed.run || other.attempt === deed.attempt) continue;
        throw new Violation("INV-02", `${deed.run} runs on ${deed.machine} and still on ${other.machine}`);
      }
    },
  };
}

function checkRun(run: SeenRun, old: SeenRun | undefined): void {
  const status = statusOf(run);
  const isLive = status === "running" || status === "not_started";
  const label = labelOf(run);
  ensure("INV-01", run.live <= 1, `${label} has ${run.live} live attempts`);
  ensure(
    "INV-11",
    run.queued === (status === "queued" ? 1 : 0),
    `${label} has ${run.queued} rows in the queue`,
  );
  ensure("INV-11", run.live === (isLive ? 1 : 0), `${label} has ${run.live} live attempts`);
  ensure("INV-22", run.requeues <= MAX_REQUEUES, `${label} was requeued ${run.requeues} times`);
  ensure("INV-22", run.auto_retries <= 1, `${label} was retried ${run.auto_retries} times`);
  if (old === undefined) return;
  ensure("INV-03", run.attempt >= old.attempt, `${label} went back from ${old.attempt} to ${run.attempt}`);
  if (old.status === run.status) return;
  const isJump = run.attempt > old.attempt;
  ensure("INV-09", isJump || NEXT[statusOf(old)].includes(status), `${label} was ${statusOf(old)}`);
}

function nameOf(attempt: SeenAttempt): string {
  return `attempt ${attempt.id} (fence ${attempt.fence}, ${attempt.state})`;
}

function checkAttempt(truth: Truth, attempt: SeenAttempt, seen: Seen, slots: ReadonlySet<string>): void {
  const label = nameOf(attempt);
  const isLive = LIVE.includes(attempt.state);
  const { ack_seq: ackSeq, events, last_seq: lastSeq } = attempt;
  const isWhole = events === ackSeq && lastSeq === ackSeq;
  ensure("INV-05", isWhole, `${label} has ${events} events up to ${lastSeq}, not ${ackSeq}`);
  const told = truth.acknowledged.get(attempt.id) ?? 0;
  ensure("INV-06", ackSeq >= told, `${label} lost events ${ackSeq + 1} to ${told}`);
  const hasLease = seen.leases.has(attempt.id);
  ensure("INV-11", hasLease === isLive, `${label} has ${isLive ? "no" : "a"} lease`);
  const needsSlot = isLive && seen.runs.get(attempt.run_id)?.needs_slot === true;
  ensure("INV-13", slots.has(attempt.id) === needsSlot, `${label} has ${needsSlot ? "no" : "a"} slot`);
  ensure("INV-19", attempt.fits, `${label} is on a runner that does not match`);
}

function checkStep(truth: Truth, attempt: SeenAttempt, before: ReadonlyMap<string, SeenAttempt>): void {
  const label = nameOf(attempt);
  const old = before.get(attempt.id);
  if (old === undefined) {
    for (const other of before.values()) {
      if (other.run_id !== attempt.run_id) continue;
      ensure("INV-03", other.fence < attempt.fence, `${label} came after fence ${other.fence}`);
    }
    return;
  }
  if (old.ended_at !== null) {
    ensure("INV-04", attempt.state === old.state, `${label} was ${old.state} when it ended`);
    ensure("INV-04", attempt.ack_seq === old.ack_seq, `${label} took events after it had ended`);
  }
  if (attempt.state !== "lost" || old.state === "lost") return;
  const renewedAt = truth.renewedAt.get(attempt.id);
  // Who says that it does not have the attempt any more is believed at once.
  if (renewedAt === undefined || truth.dropped.has(attempt.id)) return;
  const silentMs = truth.nowMs - renewedAt;
  const isPatient = silentMs >= truth.leaseMs + truth.graceMs - MARGIN_MS;
  ensure("INV-20", isPatient, `${label} was given up ${silentMs} ms after its runner was told "ok"`);
}

/** A lease is never longer than a lease; a stop never hangs (CN-04). */
function checkTimes(truth: Truth, attemptId: string, seen: Seen): void {
  const longest = truth.wallMs + truth.leaseMs + truth.forgivenMs;
  const tooLong = (seen.leases.get(attemptId) ?? 0) - longest;
  ensure("LO-01", tooLong <= 1, `attempt ${attemptId} holds its lease ${tooLong} ms too long`);
  const deadline = seen.attempts.get(attemptId)?.cancel_deadline ?? null;
  if (deadline === null) return;
  const overdueMs = truth.wallMs - deadline - truth.forgivenMs - truth.sweepsMs;
  ensure("INV-16", overdueMs <= 0, `attempt ${attemptId} was to be stopped ${overdueMs} ms ago`);
}
