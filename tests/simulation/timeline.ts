/** One virtual time for everybody, in milliseconds from 0, and the clocks that machines make of it. */
import type { Clock } from "../../src/run/ports.ts";
import type { Gate } from "./gate.ts";

export interface Timeline {
  now(): number;
  /** Calls `act` after `delayMs`; the answer takes that back. */
  after(delayMs: number, act: () => void): () => void;
  /** Lets the next thing happen, and all that follows from it without time passing. False: nothing is due until `until`. */
  step(until: number): Promise<boolean>;
}

interface Due {
  readonly at: number;
  readonly order: number;
  readonly act: () => void;
}

export function newTimeline(gate: Gate): Timeline {
  let now = 0;
  let order = 0;
  const heap: Due[] = [];
  const cancelled = new Set<Due>();

  const takeNext = (until: number): Due | undefined => {
    for (let first = heap[0]; first !== undefined && first.at <= until; first = heap[0]) {
      pop(heap);
      if (!cancelled.delete(first)) return first;
    }
    return undefined;
  };

  return {
    now: () => now,
    after: (delayMs, act) => {
      const due = { at: now + Math.max(0, delayMs), order: order++, act };
      push(heap, due);
      return () => cancelled.add(due);
    },
    step: async (until) => {
      const due = takeNext(until);
      now = due === undefined ? until : Math.max(now, due.at);
      due?.act();
      await gate.settle();
      return due !== undefined;
    },
  };
}

// ---- a binary heap ----------------------------------------------------------------------------------------------

function isBefore(a: Due, b: Due): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

function push(heap: Due[], due: Due): void {
  let at = heap.push(due) - 1;
  while (at > 0) {
    const above = (at - 1) >> 1;
    const parent = heap[above];
    if (parent === undefined || !isBefore(due, parent)) break;
    heap[at] = parent;
    at = above;
  }
  heap[at] = due;
}

function pop(heap: Due[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let at = 0;
  for (;;) {
    const left = heap[2 * at + 1];
    const right = heap[2 * at + 2];
    if (left === undefined) break;
    const isRight = right !== undefined && isBefore(right, left);
    const child = isRight ? right : left;
    if (!isBefore(child, last)) break;
    heap[at] = child;
    at = 2 * at + (isRight ? 2 : 1);
  }
  heap[at] = last;
}

// ---- clocks of machines -----------------------------------------------------------------------------------------

/** Whether the process still is: one that is gone waits for ever at whatever it was waiting for. */
export interface Life {
  isOver: boolean;
}

/** The hardware clocks of one machine; they outlive its processes. */
export interface MachineClock {
  /** Wall milliseconds ahead of the true time; a jump changes it. */
  aheadMs: number;
  /** Milliseconds that it counts in one true millisecond. */
  readonly rate: number;
}

export const EPOCH = Date.UTC(2026, 0, 1);

export function clockOf(timeline: Timeline, machine: MachineClock, life: Life): Clock {
  const mono = (): number => timeline.now() * machine.rate;
  return {
    now: () => Math.floor(EPOCH + machine.aheadMs + mono()),
    mono,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve();
        const wake = (): void => {
          takeBack();
          signal?.removeEventListener("abort", wake);
          if (!life.isOver) resolve();
        };
        const takeBack = timeline.after(ms / machine.rate, wake);
        signal?.addEventListener("abort", wake, { once: true });
      }),
  };
}
