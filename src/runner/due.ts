/** The waiting of those who send what a spool holds. */
import type { Clock } from "../run/ports.ts";
import { openEither } from "./either.ts";
import type { Spool, Topic } from "./spool.ts";

/** Below this nobody is woken earlier: what is left by rounding is not worth a turn. */
const SLACK_MS = 2;

/**
 * Resolves when something is due, or on abort. `dueInMs` tells in how many milliseconds, 0 for now; it is asked anew after
 * each change of that topic. Most changes bring nothing forward and wake nobody: steps may come and go by the thousand in a
 * second, of which ten messages tell.
 */
export async function untilDue(
  clock: Clock,
  spool: Pick<Spool, "watch">,
  topic: Topic,
  dueInMs: () => number,
  stop: AbortSignal,
): Promise<void> {
  for (let waitMs = dueInMs(); waitMs > 0 && !stop.aborted; waitMs = dueInMs()) {
    const dueAt = clock.mono() + waitMs;
    using over = openEither(stop);
    using _watch = spool.watch(topic, () => {
      const soonerMs = dueInMs();
      if (soonerMs === 0 || clock.mono() + soonerMs + SLACK_MS < dueAt) over.abort();
    });
    if (Number.isFinite(waitMs)) await clock.sleep(waitMs, over.signal);
    else await aborted(over.signal);
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
