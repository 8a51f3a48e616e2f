/** The invariants of the control-plane contract (5.10), asserted over what is stored, told, and really done. */
import { RUN_STATUSES, type RunStatus } from "../../src/run/event.ts";
import type { Seen, SeenAttempt, SeenRun } from "./observed.ts";
import type { Deed } from "./plays.ts";

export class Violation extends Error {
  constructor(readonly invariant: string, detail: string) {
    super(`${invariant}: ${detail}`);
    this.name = "Violation";
  }
}

/** What the checker is told, beside the rows. */
export interface Truth {
  /** Wall clock of the control plane, epoch ms. */
  wallMs: number;
  /** True time. */
  nowMs: number;
  readonly leaseMs: number;
  readonly graceMs: number;
  /** Time that leases were given beyond their length, because the control plane was away or its clock was set. */
  forgivenMs: number;
  /** Highest acknowledged event by attempt: somebody may have been told so. */
  readonly acknowledged: Map<string, number>;
  /** True time at which the runner of an attempt was last told that it holds its lease. */
  readonly renewedAt: Map<string, number>;
  /** Runs that somebody was told of. */
  readonly promised: Set<string>;
}

export interface Checker {
  /** Throws the first violation. */
  check(seen: Seen): void;
  /** Work begins while this other work is alive. */
  onBegin(deed: Deed, alive: Iterable<Deed>): void;
}

const MARGIN_MS = 10_000;
/** A sweep every 10 s, which itself may be held up. */
const TWO_SWEEPS_MS = 40_000;
const MAX_REQUEUES = 5;

const FINAL: readonly RunStatus[] = ["failed", "aborted", "succeeded", "partially_succeeded", "rejected"];
const LIVE = ["claimed", "started", "cancelling"];

/** 4.2, but for what only people do: a retry (ST-14) leads from any final state to the queue. */
const NEXT: Readonly<Record<RunStatus, readonly RunStatus[]>> = {
  queued: ["not_started", "aborted", "failed"],
  not_started: ["running", "queued", ...FINAL],
  running: ["waiting", "queued", ...FINAL],
  waiting: ["queued", "aborted", "rejected"],
  failed: ["queued", "aborted"],
  aborted: ["queued"],
  succeeded: ["queued"],
  partially_succeeded: ["queued"],
  rejected: ["queued"],
};

export function newChecker(truth: Truth): Checker {
  let before: Seen = { runs: [], attempts: [], queues: [] };

  const checkRun = (run: SeenRun): void => {
    const status = statusOf(run);
    const isLive = status === "running" || status === "not_started";
    const label = `${run.name}:${run.dag_run_id} (${status})`;
    ensure("INV-01", run.live <= 1, `${label} has ${run.live} live attempts`);
    ensure(
      "INV-11",
      run.queued === (status === "queued" ? 1 : 0),
      `${label} has ${run.queued} rows in the queue`,
    );
    ensure("INV-11", run.live === (isLive ? 1 : 0), `${label} has ${run.live} live attempts`);
    ensure("INV-22", run.requeues <= MAX_REQUEUES, `${label} was requeued ${run.requeues} times`);
    ensure("INV-22", run.auto_retries <= 1, `${label} was retried ${run.auto_retries} times`);
    const old = before.runs.find((other) => other.id === run.id);
    if (old === undefined) return;
    ensure(
      "INV-03",
      run.attempt >= old.attempt,
      `${label} went back from attempt ${old.attempt} to ${run.attempt}`,
    );
    if (old.status === run.status) return;
    const isJump = run.attempt > old.attempt;
    ensure("INV-09", isJump || NEXT[statusOf(old)].includes(status), `${label} was ${statusOf(old)}`);
  };

  const checkAttempt = (attempt: SeenAttempt): void => {
    const label = `attempt ${attempt.id} (fence ${attempt.fence}, ${attempt.state})`;
    const isLive = LIVE.includes(attempt.state);
    const isWhole = attempt.events === attempt.ack_seq && attempt.last_seq === attempt.ack_seq;
    ensure(
      "INV-05",
      isWhole,
      `${label} has ${attempt.events} events up to ${attempt.last_seq}, not ${attempt.ack_seq}`,
    );
    const told = truth.acknowledged.get(attempt.id) ?? 0;
    ensure("INV-06", attempt.ack_seq >= told, `${label} lost events ${attempt.ack_seq + 1} to ${told}`);
    ensure("INV-11", (attempt.expires_at !== null) === isLive, `${label} has ${isLive ? "no" : "a"} lease`);
    ensure(
      "INV-13",
      attempt.slots === (isLive && attempt.needs_slot ? 1 : 0),
      `${label} has ${attempt.slots} slots`,
    );
    ensure("INV-19", attempt.fits, `${label} is on a runner that does not match`);
    checkTimes(attempt, label);
    const old = before.attempts.find((other) => other.id === attempt.id);
    if (old === undefined) {
      const fences = before.attempts.filter((other) => other.run_id === attempt.run_id).map(({ fence }) =>
        fence
      );
      ensure(
        "INV-03",
        fences.every((fence) => fence < attempt.fence),
        `${label} came after fences ${fences}`,
      );
      return;
    }
    if (old.ended) {
      ensure("INV-04", attempt.state === old.state, `${label} was ${old.state} when it ended`);
      ensure("INV-04", attempt.ack_seq === old.ack_seq, `${label} took events after it had ended`);
    }
    if (attempt.state === "lost" && old.state !== "lost") checkLost(attempt, label);
  };

  /** A lease is never longer than a lease; a stop never hangs (CN-04). */
  const checkTimes = (attempt: SeenAttempt, label: string): void => {
    const { expires_at: expiresAt, cancel_deadline: deadline } = attempt;
    if (expiresAt !== null) {
      const longest = truth.wallMs + truth.leaseMs + truth.forgivenMs;
      ensure(
        "LO-01",
        expiresAt <= longest + 1,
        `${label} holds its lease ${expiresAt - longest} ms too long`,
      );
    }
    if (deadline !== null) {
      const overdueMs = truth.wallMs - deadline - truth.forgivenMs - TWO_SWEEPS_MS;
      ensure("INV-16", overdueMs <= 0, `${label} was to be stopped ${overdueMs} ms ago`);
    }
  };

  const checkLost = (attempt: SeenAttempt, label: string): void => {
    const renewedAt = truth.renewedAt.get(attempt.id);
    if (renewedAt === undefined) return;
    const silentMs = truth.nowMs - renewedAt;
    const patienceMs = truth.leaseMs + truth.graceMs - MARGIN_MS;
    ensure(
      "INV-20",
      silentMs >= patienceMs,
      `${label} was given up ${silentMs} ms after its runner was told "ok"`,
    );
  };

  return {
    check: (seen) => {
      for (const run of seen.runs) checkRun(run);
      for (const attempt of seen.attempts) checkAttempt(attempt);
      for (const { queue, width, taken, leaked } of seen.queues) {
        ensure("INV-13", taken <= width, `queue ${queue} has ${taken} of ${width} slots taken`);
        ensure("INV-14", leaked === 0, `queue ${queue} has ${leaked} slots of attempts that ended`);
      }
      const stored = new Set(seen.runs.map((run) => run.dag_run_id));
      for (const promised of truth.promised) {
        ensure("INV-10", stored.has(promised), `run ${promised} was accepted and is not stored`);
      }
      ensure("INV-15", stored.size === seen.runs.length, "a run is stored twice");
      before = seen;
    },
    onBegin: (deed, alive) => {
      for (const other of alive) {
        if (other.run !== deed.run || other.attempt === deed.attempt) continue;
        throw new Violation("INV-02", `${deed.run} runs on ${deed.machine} and still on ${other.machine}`);
      }
    },
  };
}

export function statusOf(run: Pick<SeenRun, "status">): RunStatus {
  const status = RUN_STATUSES[run.status];
  if (status === undefined) throw new Error(`there is no run status ${run.status}`);
  return status;
}

export function isFinal(run: SeenRun): boolean {
  return FINAL.includes(statusOf(run));
}

export function ensure(invariant: string, holds: boolean, detail: string): void {
  if (!holds) throw new Violation(invariant, detail);
}
