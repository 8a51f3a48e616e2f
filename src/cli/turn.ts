/**
 * Turns to start in. A control plane that comes up takes a processor and much memory for half a second; hundreds of them at
 * once (a test suite, a cron full of `dagu start`) would only fight for both, so as many come up at a time as there are
 * processors. A turn is over when the plane is up: how long its run takes holds nobody up.
 */
import { openLock } from "./cache.ts";

const FIRST_WAIT_MS = 5;
const LONGEST_WAIT_MS = 100;

/** The kernel gives the turn back when its holder dies, however it dies. */
export async function takeTurn(cache: string): Promise<Disposable> {
  const places = Array.from({ length: Math.max(2, navigator.hardwareConcurrency) }, (_, at) => at);
  for (let wait = FIRST_WAIT_MS;; wait = Math.min(2 * wait, LONGEST_WAIT_MS)) {
    for (const place of places) {
      const file = await openLock(cache, `turn-${place}`);
      if (await file.tryLock(true)) return { [Symbol.dispose]: () => file.close() };
      file.close();
    }
    // Not all at the same moment again.
    await new Promise((resolve) => setTimeout(resolve, wait * (0.5 + Math.random())));
  }
}
