/** A bounded number of places, taken in the order of the steps' declaration (R-01). */
export interface Slots {
  /** Resolves to a taken place, or null when the signal aborted first. */
  take(order: number, signal: AbortSignal): Promise<Slot | null>;
}

export interface Slot {
  /** Gives the place back; more calls do nothing. */
  release(): void;
}

interface Waiter {
  readonly order: number;
  readonly signal: AbortSignal;
  readonly resolve: (slot: Slot | null) => void;
}

/** `limit` 0 means unlimited. */
export function newSlots(limit: number): Slots {
  let free = limit === 0 ? Number.POSITIVE_INFINITY : limit;
  let waiters: Waiter[] = [];
  /** One listener for all: thousands of steps may wait, and a signal goes through its listeners for each that comes or goes. */
  const heard = new WeakSet<AbortSignal>();

  const release = (): void => {
    const next = waiters.shift();
    if (next === undefined) free++;
    else next.resolve(newSlot());
  };
  const newSlot = (): Slot => {
    let isHeld = true;
    return {
      release: () => {
        if (!isHeld) return;
        isHeld = false;
        release();
      },
    };
  };

  const hear = (signal: AbortSignal): void => {
    if (heard.has(signal)) return;
    heard.add(signal);
    const onAbort = (): void => {
      const stopped = waiters.filter((waiter) => waiter.signal === signal);
      waiters = waiters.filter((waiter) => waiter.signal !== signal);
      for (const waiter of stopped) waiter.resolve(null);
    };
    signal.addEventListener("abort", onAbort, { once: true });
  };

  return {
    take(order, signal) {
      if (signal.aborted) return Promise.resolve(null);
      if (free > 0) {
        free--;
        return Promise.resolve(newSlot());
      }
      hear(signal);
      return new Promise((resolve) => {
        // From behind: most come in the order of their declaration.
        const place = waiters.findLastIndex((other) => other.order <= order) + 1;
        waiters.splice(place, 0, { order, signal, resolve });
      });
    },
  };
}
