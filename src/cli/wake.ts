/** Wake-ups within one process: a waiting claim or page hears at once, others poll (ED-02). */
import type { Clock } from "../run/ports.ts";
import { POLL_MS, type Wake } from "../server/ports.ts";

export function newMemoryWake(clock: Clock): Wake {
  const waiters = new Map<string, Set<() => void>>();
  return {
    pollMs: POLL_MS,
    notify(topic) {
      for (const wake of [...waiters.get(topic) ?? []]) wake();
    },
    async wait(topics, ms, signal) {
      const woken = Promise.withResolvers<boolean>();
      const over = new AbortController();
      const wake = (): void => woken.resolve(true);
      const giveUp = (): void => woken.resolve(false);
      for (const topic of topics) waiters.set(topic, (waiters.get(topic) ?? new Set()).add(wake));
      signal.addEventListener("abort", giveUp, { once: true });
      if (signal.aborted) giveUp();
      void clock.sleep(ms, over.signal).then(giveUp);
      const isWoken = await woken.promise;
      over.abort();
      signal.removeEventListener("abort", giveUp);
      for (const topic of topics) {
        const set = waiters.get(topic);
        set?.delete(wake);
        if (set?.size === 0) waiters.delete(topic);
      }
      return isWoken;
    },
  };
}
