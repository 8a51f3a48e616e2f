/** A signal that aborts with the first of others; disposal lets go of them. */
export interface Either extends Disposable {
  readonly signal: AbortSignal;
  abort(): void;
}

/** Without a reason, an abort makes an exception with a stack each time. */
const ENOUGH = "enough";

/** Not `AbortSignal.any`, which takes five times as long: an uplink waits some times in each step. */
export function openEither(...others: readonly AbortSignal[]): Either {
  const controller = new AbortController();
  const abort = (): void => controller.abort(ENOUGH);
  for (const one of others) {
    if (one.aborted) abort();
    else one.addEventListener("abort", abort, { once: true });
  }
  return {
    signal: controller.signal,
    abort,
    [Symbol.dispose]: () => {
      for (const one of others) one.removeEventListener("abort", abort);
    },
  };
}
