/** Getting work: one long poll at a time (RP-08), until the runner drains. */
import type { CallFailure } from "../protocol/exchange.ts";
import type { Grant } from "../protocol/grant.ts";
import type { ClaimReply } from "../protocol/messages.ts";
import { beside, type Resources } from "../protocol/resources.ts";
import { CLAIM_CAP_MS, resend, type ResendPorts } from "../protocol/resend.ts";
import type { Clock } from "../run/ports.ts";
import { type AttemptHost, startAttempt } from "./attempt.ts";
import type { Attempt } from "./control.ts";
import { type Instant, instant } from "./lease.ts";
import type { RunnerEnd, RunnerOptions } from "./options.ts";
import type { Room } from "./room.ts";

/** What the runner's loops share. */
export interface Life {
  readonly attempts: Map<string, Attempt>;
  readonly draining: AbortSignal;
  readonly abandon: AbortSignal;
  /** What is to be done when there is room where there was none. */
  onRoom: () => void;
  drain(): void;
}

export function freeSlots(options: RunnerOptions, life: Life): number {
  return Math.max(0, options.capacity - working(life).length);
}

function working(life: Life): readonly Attempt[] {
  return [...life.attempts.values()].filter((attempt) => attempt.takesSlot);
}

/** What is left of what the runner offers; nothing, too, when it offers less than it did when it took its runs. */
function freeResources({ resources = {} }: RunnerOptions, life: Life): Resources {
  const { cpu, memoryBytes } = working(life).map(({ needs }) => needs).reduce(beside, resources);
  return {
    ...(cpu === undefined ? {} : { cpu: Math.max(0, cpu) }),
    ...(memoryBytes === undefined ? {} : { memoryBytes: Math.max(0, memoryBytes) }),
  };
}

export function hold(life: Life, attempt: Attempt): void {
  life.attempts.set(attempt.attemptId, attempt);
  void attempt.done.then(() => life.attempts.delete(attempt.attemptId));
}

/** Whether attempts are taken, and who may change that. */
export interface ClaimGate {
  isPaused: boolean;
  /** For good. */
  isClosed: boolean;
}

/**
 * Until there is nothing to claim any more and nothing of ours runs. With no room, or while draining, the same long poll
 * asks for nothing and so brings directives at once (M3: `free: 0`).
 */
export async function claimAll(
  options: RunnerOptions,
  host: AttemptHost,
  ports: ResendPorts,
  life: Life,
  gate: ClaimGate,
  room: Room,
): Promise<RunnerEnd> {
  let end: RunnerEnd = "drained";
  let isRefused = false;
  while (!gate.isClosed || life.attempts.size > 0) {
    if (!gate.isClosed && life.draining.aborted) {
      gate.isClosed = true;
      await handBack(host, life);
      continue;
    }
    if (isRefused) {
      await Promise.race([...life.attempts.values()].map((attempt) => attempt.done));
      continue;
    }
    // Who came for one run is to be told why it cannot be.
    if (options.once !== true) await room.look();
    const free = !gate.isClosed && !gate.isPaused && room.isThere ? freeSlots(options, life) : 0;
    const claimed = await claim(options, host, ports, life, free, !gate.isClosed);
    if ("failure" in claimed) {
      const refusal = refusedEnd(claimed.failure, host);
      if (refusal === null) continue;
      end = refusal;
      isRefused = true;
      gate.isClosed = true;
      continue;
    }
    const { attempts } = claimed.reply;
    for (const grant of attempts) begin(options, host, life, grant, claimed.at);
    if (options.once === true && attempts.length > 0) gate.isClosed = true;
  }
  return end;
}

function begin(options: RunnerOptions, host: AttemptHost, life: Life, grant: Grant, at: Instant): void {
  // A repeated claim repeats what is not started yet (M3).
  if (life.attempts.has(grant.attemptId)) return;
  options.log.info("claimed", {
    attempt: grant.attemptId,
    run: grant.run.dagRunId,
    workflow: grant.run.name,
  });
  hold(life, startAttempt(host, grant, at, life.abandon));
}

type Claimed =
  | { readonly reply: ClaimReply; readonly at: Instant }
  | { readonly failure: CallFailure };

/** A server that does not hold the poll must not be asked in a hurry. */
const POLL_PAUSE_MS = 250;

/** One claim, repeated until it is answered, or until it is not what should be asked any more. */
async function claim(
  options: RunnerOptions,
  host: AttemptHost,
  ports: ResendPorts,
  life: Life,
  free: number,
  isClaiming: boolean,
): Promise<Claimed> {
  using cut = openCut(life, free === 0, isClaiming);
  const claimId = options.ids.uuid();
  let at = instant(options.clock);
  const result = await resend(ports, { signal: cut.signal, capMs: CLAIM_CAP_MS }, (call) => {
    at = instant(options.clock);
    return host.client.claim({
      claimId,
      labels: options.labels,
      free: options.once === true ? Math.min(1, free) : free,
      waitMs: host.settings.claimWaitMs,
      resources: freeResources(options, life),
      held: [...life.attempts.keys()],
    }, call);
  });
  if (!result.ok) return { failure: result.failure };
  const { attempts, directives, claimAfterMs } = result.value;
  host.onDirectives(directives);
  // A directive is repeated until a heartbeat has acknowledged it: no reason to hurry either.
  if (attempts.length === 0) {
    const isHeld = options.clock.mono() - at.mono >= POLL_PAUSE_MS;
    await options.clock.sleep(isHeld ? claimAfterMs : Math.max(claimAfterMs, POLL_PAUSE_MS), cut.signal);
  }
  return { reply: result.value, at };
}

/** Ends a poll early: at the drain, and, when there was no room, at the end of any attempt. */
function openCut(
  life: Life,
  isFull: boolean,
  isClaiming: boolean,
): Disposable & { readonly signal: AbortSignal } {
  const cut = new AbortController();
  const abort = (): void => cut.abort();
  if (isClaiming) life.draining.addEventListener("abort", abort, { once: true });
  if (isFull) {
    for (const attempt of life.attempts.values()) void attempt.done.then(abort);
    life.onRoom = abort;
  }
  return {
    signal: cut.signal,
    [Symbol.dispose]: () => {
      life.draining.removeEventListener("abort", abort);
      life.onRoom = () => {};
    },
  };
}

function refusedEnd(failure: CallFailure, host: AttemptHost): RunnerEnd | null {
  if (failure.kind !== "refused") return null;
  host.log.error("claim refused", { code: failure.code, reason: failure.message });
  if (failure.code === "unauthorized" || failure.code === "forbidden") return "unauthorized";
  if (failure.code === "fenced") return "superseded";
  return failure.code === "upgrade_required" ? "upgrade_required" : null;
}

/**
 * The drain may have cut a claim that was just granted: what is not started goes back at once (M15). Not while one of
 * ours may still count as not started.
 */
async function handBack(host: AttemptHost, life: Life): Promise<void> {
  const isSafe = [...life.attempts.values()].every((attempt) => attempt.ackSeq > 0);
  const mode = isSafe ? "handback" as const : "finish" as const;
  await briefly(host.clock, (signal) => host.client.drain({ mode, deadlineMs: 0 }, { signal }));
}

const BRIEFLY_MS = 5_000;

/** A courtesy to the control plane: nobody waits long for it. */
export async function briefly<T>(clock: Clock, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const patience = new AbortController();
  const done = new AbortController();
  void clock.sleep(BRIEFLY_MS, done.signal).then(() => patience.abort());
  try {
    return await call(patience.signal);
  } finally {
    done.abort();
  }
}
