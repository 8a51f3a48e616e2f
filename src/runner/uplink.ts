/**
 * From an attempt's spool to the control plane, in order and exactly once (DESIGN 3.5, 3.6): it sends what is next and
 * believes only the server about what has arrived. Three lanes (RP-08): one for events, two for logs. A step's
 * `step.finished` waits for the step's logs, so that who reads "finished" finds the whole log.
 */
import { isTerminal } from "../run/event.ts";
import type { AttemptCredential } from "../protocol/client.ts";
import { type CallFailure, isRefused } from "../protocol/exchange.ts";
import { type Directive, EVENT_BATCH_BYTES, type Settings } from "../protocol/messages.ts";
import { type Backoff, canResend, DEFAULT_CAP_MS, newBackoff } from "../protocol/resend.ts";
import { LogLane, type LogProgress, type ReportPorts } from "./log-lane.ts";
import { changedWithin, type Spool } from "./spool.ts";

export interface UplinkOptions {
  readonly settings: Settings;
  onDirectives(directives: readonly Directive[]): void;
  /** The attempt may not act any more: nothing more is sent for it. */
  onFenced(): void;
}

export type UplinkEnd =
  /** Everything has arrived. */
  | "delivered"
  /** The server does not want the rest. */
  | "fenced"
  /** The signal aborted first; the spool still holds what was not sent. */
  | "aborted";

export interface Uplink {
  /** Events that the server has. */
  readonly ackSeq: number;
  /** Resolves when the server has the first event, when nothing more is sent, or when the signal aborts. */
  begun(signal: AbortSignal): Promise<void>;
  /** Ends after the terminal event and all logs were acknowledged. Never rejects on what a server can answer. */
  readonly end: Promise<UplinkEnd>;
}

export function openUplink(
  ports: ReportPorts,
  spool: Spool,
  options: UplinkOptions,
  signal: AbortSignal,
): Uplink {
  const attempt: AttemptCredential = spool.header;
  const over = new AbortController();
  const stop = AbortSignal.any([signal, over.signal]);
  const logs: LogProgress = new Map();
  let ackSeq = 0;
  let isFenced = false;
  const begun = Promise.withResolvers<void>();

  const fence = (): void => {
    if (isFenced) return;
    isFenced = true;
    over.abort();
    options.onFenced();
  };

  async function sendEvents(): Promise<void> {
    const backoff = newBackoff(ports.random, DEFAULT_CAP_MS);
    let batchMax = options.settings.eventBatchMax;
    let sentAt = Number.NEGATIVE_INFINITY;
    while (!stop.aborted) {
      const revision = spool.revision;
      const last = lastSendable(spool, logs, ackSeq + 1, batchMax);
      const waitMs = dueInMs(spool, ackSeq + 1, last, {
        now: ports.clock.now(),
        sinceSentMs: ports.clock.mono() - sentAt,
        flushMs: options.settings.eventFlushMs,
      });
      if (waitMs > 0) {
        if (spool.isComplete && ackSeq === spool.lastSeq) return;
        await changedWithin(ports.clock, spool, revision, waitMs, stop);
        continue;
      }
      sentAt = ports.clock.mono();
      const firstSeq = ackSeq + 1;
      const events = await spool.read(firstSeq, last);
      const body = { fence: spool.header.fence, firstSeq, events };
      const result = await ports.client.sendEvents(attempt, body, { signal: stop });
      if (result.ok) {
        // Never back: an answer that was delayed may tell less than we know.
        ackSeq = Math.min(Math.max(ackSeq, result.value.ackSeq), spool.lastSeq);
        if (ackSeq > 0) begun.resolve();
        backoff.reset();
        options.onDirectives(result.value.directives);
        continue;
      }
      const failure = result.failure;
      if (isRefused(failure, "seq_gap") && isBelow(failure.details.expectedSeq, spool.lastSeq + 2)) {
        ackSeq = failure.details.expectedSeq - 1;
      } else if (isRefused(failure, "too_large") && last > firstSeq) {
        batchMax = Math.max(1, Math.floor((last - firstSeq + 1) / 2));
      } else if (!(await canGoOn(failure, "events", backoff))) {
        return fence();
      }
    }
  }

  /** Waits after what may pass; false when the attempt is over for us. */
  async function canGoOn(
    failure: CallFailure,
    what: string,
    backoff: Backoff,
  ): Promise<boolean> {
    if (failure.kind === "aborted") return true;
    const isUnauthorized = failure.kind === "refused" && failure.code === "unauthorized";
    if (failure.kind === "refused" && !isUnauthorized && !canResend(failure)) {
      const facts = { attempt: attempt.attemptId, code: failure.code, what };
      if (failure.code === "fenced" || failure.code === "not_found") ports.log.warn("attempt fenced", facts);
      else ports.log.error("report refused", { ...facts, reason: failure.message });
      return false;
    }
    // A token that is refused may be good again after a fail-over; what was spooled is kept for then.
    const delay = backoff.next(isUnauthorized ? DEFAULT_CAP_MS : failure.retryAfterMs);
    await ports.clock.sleep(delay, stop);
    return true;
  }

  const lane = (): Promise<void> =>
    new LogLane({ ports, spool, logs, settings: options.settings, canGoOn, fence, stop }).run();
  const end = Promise.all([sendEvents(), lane(), lane()]).then((): UplinkEnd => {
    begun.resolve();
    if (isFenced) return "fenced";
    return signal.aborted ? "aborted" : "delivered";
  });
  return {
    get ackSeq(): number {
      return ackSeq;
    },
    begun: async (signal) => {
      if (signal.aborted) return;
      const aborted = Promise.withResolvers<void>();
      const onAbort = (): void => aborted.resolve();
      signal.addEventListener("abort", onAbort, { once: true });
      await Promise.race([begun.promise, aborted.promise]);
      signal.removeEventListener("abort", onAbort);
    },
    end,
  };
}

/** The last event of the next batch; below `from` when there is none to send. */
function lastSendable(spool: Spool, logs: LogProgress, from: number, batchMax: number): number {
  let sizeBytes = 0;
  let last = from - 1;
  while (last - from + 1 < batchMax) {
    const event = spool.peek(last + 1);
    if (event === undefined) break;
    sizeBytes += event.sizeBytes;
    if (last >= from && sizeBytes > EVENT_BATCH_BYTES) break;
    const waitsFor = event.type === "step.finished"
      ? spool.streamsOf(event.step ?? "")
      : isTerminal(event)
      ? spool.streams
      : [];
    if (!waitsFor.every((stream) => logs.get(stream)?.isDelivered === true || isEmpty(stream))) break;
    last++;
  }
  return last;
}

/** A stream without bytes is told by `step.finished` alone. */
function isEmpty(stream: { readonly size: number; readonly isEnded: boolean }): boolean {
  return stream.isEnded && stream.size === 0;
}

/** What happens in one breath, such as the end of a step and the start of the next, is told in one message. */
const BREATH_MS = 10;

/** Between two messages: each is flushed to the disk and is a transaction, and steps may come and go by the hundred a second. */
const PACE_MS = 100;

interface Timing {
  readonly now: number;
  readonly sinceSentMs: number;
  readonly flushMs: number;
}

/** Boundaries of steps and of the attempt go at once; others wait for company until the oldest is `flushMs` old (M6). */
function dueInMs(spool: Spool, from: number, last: number, { now, sinceSentMs, flushMs }: Timing): number {
  const first = spool.peek(from);
  if (first === undefined || last < from) return Number.POSITIVE_INFINITY;
  let waitMs = flushMs;
  for (let seq = from; seq <= last; seq++) {
    const type = spool.peek(seq)?.type ?? "";
    // Nothing happens before the beginning is acknowledged, and nothing after the end.
    if (type === "attempt.started" || isTerminal({ type })) return 0;
    if (type.startsWith("step.") || type.startsWith("attempt.") || type === "container.started") {
      waitMs = BREATH_MS;
    }
  }
  const ageMs = now - first.at;
  // A clock that was set back must not hold anything up.
  // Whole ms: what is left of one by rounding may be too short for a clock to move, and would be asked for again and again.
  return ageMs < 0 ? 0 : Math.ceil(Math.max(0, waitMs - ageMs, PACE_MS - sinceSentMs));
}

function isBelow(value: number | undefined, limit: number): value is number {
  return value !== undefined && value >= 1 && value < limit;
}
