/**
 * SIGINT, SIGTERM and the end of the terminal as two signals: the first asks to end in good order, the second to end now.
 * A person who presses Ctrl-C once more is not kept waiting for either: what a killed process leaves is taken care of at the
 * next start.
 */
export interface Interrupts extends Disposable {
  readonly first: AbortSignal;
  readonly second: AbortSignal;
}

/** Exit code of a command that an interrupt has ended. */
export const INTERRUPTED = 130;

/** Rejects when the signal aborts, whatever else is waited for. */
export function interruption(signal: AbortSignal, error?: Error): Promise<never> {
  return new Promise((_, reject) => {
    const end = (): void => reject(error ?? signal.reason);
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true });
  });
}

/** Exit code, as of a process that SIGKILL has ended. */
const KILLED = 137;

export function openInterrupts(): Interrupts {
  const first = new AbortController();
  const second = new AbortController();
  const onSignal = (): void => {
    if (first.signal.aborted) second.abort();
    else first.abort();
  };
  const onKey = (): void => {
    if (second.signal.aborted) Deno.exit(KILLED);
    onSignal();
  };
  // Deno takes SIGHUP over with the first listener of any signal: what nohup(1) had ignored would end us.
  const onHangUp = isHangUpIgnored() ? (): void => {} : onSignal;
  const listeners = [["SIGINT", onKey], ["SIGTERM", onSignal], ["SIGHUP", onHangUp]] as const;
  for (const [name, listener] of listeners) Deno.addSignalListener(name, listener);
  return {
    first: first.signal,
    second: second.signal,
    [Symbol.dispose]: () => {
      for (const [name, listener] of listeners) Deno.removeSignalListener(name, listener);
    },
  };
}

/** Asked before the first listener. */
function isHangUpIgnored(): boolean {
  try {
    const [, ignored = "0"] = /^SigIgn:\s*([0-9a-f]+)$/m.exec(Deno.readTextFileSync("/proc/self/status")) ??
      [];
    return (BigInt(`0x${ignored}`) & 1n) === 1n;
  } catch {
    return false;
  }
}
