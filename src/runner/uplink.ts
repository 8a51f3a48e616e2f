/**
 * From an attempt's spool to the control plane, in order and exactly once (DESIGN 3.5, 3.6): it sends what is next and
 * believes only the server about what has arrived. Three lanes (RP-08): one for events, two for logs. A step's
 * `step.finished` waits for the step's logs, so that who reads "finished" finds the whole log.
 */
import type { AttemptCredential } from "../protocol/client.ts";
import { type CallFailure, isRefused } from "../protocol/exchange.ts";
import type { Directive, Settings } from "../protocol/messages.ts";
import { type Backoff, canResend, DEFAULT_CAP_MS, newBackoff } from "../protocol/resend.ts";
import { LogLane, type LogProgress, type ReportPorts } from "./log-lane.ts";
import { untilDue } from "./due.ts";
import { newEventBatch } from "./event-batch.ts";
import type { Spool } from "./spool.ts";

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
    const isTold = (): boolean => spool.isComplete && ackSeq === spool.lastSeq;
    while (!stop.aborted) {
      const firstSeq = ackSeq + 1;
      const batch = newEventBatch(spool, logs, firstSeq, batchMax);
      const dueInMs = (): number =>
        batch.dueInMs({
          now: ports.clock.now(),
          sinceSentMs: ports.clock.mono() - sentAt,
          flushMs: options.settings.eventFlushMs,
        });
      await untilDue(ports.clock, spool, "events", () => isTold() ? 0 : dueInMs(), stop);
      if (stop.aborted || isTold()) return;
      sentAt = ports.clock.mono();
      const { last } = batch;
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

function isBelow(value: number | undefined, limit: number): value is number {
  return value !== undefined && value >= 1 && value < limit;
}
