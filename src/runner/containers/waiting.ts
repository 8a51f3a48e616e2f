/** Waiting that ends: for a time, for a stop, for whichever comes first. No timer outlives its wait. */

/** What a timer can hold, 24.8 days: a longer one would end at once. Nobody waits longer for a container. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/** Aborts after `ms`. */
export function deadlineAfter(ms: number): AbortSignal {
  return AbortSignal.timeout(Math.min(ms, TIMER_MAX_MS));
}

/** Resolves after `ms`, or at once when the signal aborts; never rejects. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return settlesWithin(new Promise<never>(() => {}), ms, signal).then(() => {});
}

/** Whether the work ended, well or badly, before the time was over and before the signal aborted. */
export function settlesWithin(work: Promise<unknown>, ms: number, signal?: AbortSignal): Promise<boolean> {
  if (signal?.aborted) return Promise.resolve(false);
  return new Promise((resolve) => {
    const end = (isSettled: boolean) => (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", late);
      resolve(isSettled);
    };
    const late = end(false);
    const timer = ms === Number.POSITIVE_INFINITY ? undefined : setTimeout(late, Math.min(ms, TIMER_MAX_MS));
    signal?.addEventListener("abort", late, { once: true });
    work.then(end(true), end(true));
  });
}

/** What was going on may need this long to end after it was killed; then we stop listening (4.8.1). */
const AFTER_KILL_MS = 10_000;

/**
 * The result of work that can be stopped: on an abort it is stopped, in the way that the caller knows, and its own end is
 * still awaited, since it holds the last output and the exit code.
 */
export async function untilStopped<T>(
  work: Promise<T>,
  signal: AbortSignal,
  stop: () => Promise<void>,
  giveUp: () => void,
): Promise<T> {
  if (await settlesWithin(work, Number.POSITIVE_INFINITY, signal)) return await work;
  await stop();
  if (!await settlesWithin(work, AFTER_KILL_MS)) giveUp();
  return await work;
}

/** The result of work that others wait for, too: after an abort it goes on without us. */
export async function untilAborted<T>(work: Promise<T>, signal: AbortSignal, stopped: () => T): Promise<T> {
  return await settlesWithin(work, Number.POSITIVE_INFINITY, signal) ? await work : stopped();
}
