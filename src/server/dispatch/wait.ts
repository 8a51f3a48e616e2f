/** Waiting for something to be there: woken when it is told, looking again anyway (ED-02). */
import type { ServerPorts } from "../ports.ts";

export interface Waiting {
  readonly topics: readonly string[];
  readonly waitMs: number;
  readonly signal: AbortSignal;
}

/** What `look` finds, at once or later; null: nothing within `waitMs`. */
export async function waitFor<T>(
  { clock, wake }: Pick<ServerPorts, "clock" | "wake">,
  { topics, waitMs, signal }: Waiting,
  look: () => Promise<T | null>,
): Promise<T | null> {
  const [, pollMs] = wake.pollMs;
  const until = clock.mono() + waitMs;
  for (;;) {
    const leftMs = Math.max(0, until - clock.mono());
    const found = new AbortController();
    // It listens before it looks: what comes in between is not missed.
    const woken = wake.wait(topics, Math.min(leftMs, pollMs), AbortSignal.any([signal, found.signal]));
    try {
      const result = await look();
      if (result !== null || leftMs === 0 || signal.aborted) return result;
      await woken;
    } finally {
      found.abort();
      await woken;
    }
  }
}
