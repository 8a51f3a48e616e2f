/** Which events the next message tells, and when it is due. */
import { EVENT_BATCH_BYTES } from "../protocol/messages.ts";
import { isTerminal } from "../run/event.ts";
import type { SpooledEvent } from "./event-file.ts";
import type { LogProgress } from "./log-lane.ts";
import type { Spool } from "./spool.ts";

/** What happens in one breath, such as the end of a step and the start of the next, is told in one message. */
const BREATH_MS = 10;

/** Between two messages: each is flushed to the disk and is a transaction, and steps may come and go by the hundred a second. */
const PACE_MS = 100;

export interface Timing {
  readonly now: number;
  readonly sinceSentMs: number;
  readonly flushMs: number;
}

export interface EventBatch {
  /** The last event that can be sent by now; one below the first when there is none. */
  readonly last: number;
  /**
   * Takes up what came since it was last asked. Boundaries of steps and of the attempt go at once; others wait for company
   * until the oldest is `flushMs` old (M6).
   */
  dueInMs(timing: Timing): number;
}

/** It only grows, so that each event is looked at once. */
export function newEventBatch(
  spool: Pick<Spool, "peek" | "streamsOf" | "streams">,
  logs: LogProgress,
  first: number,
  batchMax: number,
): EventBatch {
  let last = first - 1;
  let sizeBytes = 0;
  let isUrgent = false;
  let hasBoundary = false;

  const canGo = (event: SpooledEvent): boolean => {
    const waitsFor = event.type === "step.finished"
      ? spool.streamsOf(event.step ?? "")
      : isTerminal(event)
      ? spool.streams
      : [];
    return waitsFor.every((stream) => logs.get(stream)?.isDelivered === true || isEmpty(stream));
  };
  const grow = (): void => {
    while (last - first + 1 < batchMax) {
      const event = spool.peek(last + 1);
      if (event === undefined) return;
      if (last >= first && sizeBytes + event.sizeBytes > EVENT_BATCH_BYTES) return;
      if (!canGo(event)) return;
      last++;
      sizeBytes += event.sizeBytes;
      // Nothing happens before the beginning is acknowledged, and nothing after the end.
      isUrgent ||= event.type === "attempt.started" || isTerminal(event);
      hasBoundary ||= /^(step|attempt)\.|^container\.started$/.test(event.type);
    }
  };

  return {
    get last(): number {
      return last;
    },
    dueInMs: ({ now, sinceSentMs, flushMs }) => {
      grow();
      const oldest = spool.peek(first);
      if (oldest === undefined || last < first) return Number.POSITIVE_INFINITY;
      const ageMs = now - oldest.at;
      // A clock that was set back must not hold anything up.
      if (isUrgent || ageMs < 0) return 0;
      const waitMs = hasBoundary ? BREATH_MS : flushMs;
      // Whole ms: what is left of one by rounding may be too short for a clock to move, and would be asked for again and again.
      return Math.ceil(Math.max(0, waitMs - ageMs, PACE_MS - sinceSentMs));
    },
  };
}

/** A stream without bytes is told by `step.finished` alone. */
function isEmpty(stream: { readonly size: number; readonly isEnded: boolean }): boolean {
  return stream.isEnded && stream.size === 0;
}
