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
  grant(): void;
}

/** `limit` 0 means unlimited. */
export function newSlots(limit: number): Slots {
  let free = limit === 0 ? Number.POSITIVE_INFINITY : limit;
  const waiters: Waiter[] = [];

  const release = (): void => {
    const next = waiters.shift();
    if (next === undefined) free++;
    else next.grant();
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

  return {
    take(order, signal) {
      if (signal.aborted) return Promise.resolve(null);
      if (free > 0) {
        free--;
        return Promise.resolve(newSlot());
      }
      return new Promise((resolve) => {
        const onAbort = (): void => {
          waiters.splice(waiters.indexOf(waiter), 1);
          resolve(null);
        };
        const waiter: Waiter = {
          order,
          grant: () => {
            signal.removeEventListener("abort", onAbort);
            resolve(newSlot());
          },
        };
        signal.addEventListener("abort", onAbort, { once: true });
        const place = waiters.findIndex((other) => other.order > order);
        waiters.splice(place === -1 ? waiters.length : place, 0, waiter);
      });
    },
  };
}
