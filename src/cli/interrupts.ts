/** SIGINT, SIGTERM and the end of the terminal as two signals: the first asks to end in good order, the second to end now. */
export interface Interrupts extends Disposable {
  readonly first: AbortSignal;
  readonly second: AbortSignal;
}

export function openInterrupts(): Interrupts {
  const first = new AbortController();
  const second = new AbortController();
  const onSignal = (): void => {
    if (first.signal.aborted) second.abort();
    else first.abort();
  };
  // Deno takes SIGHUP over with the first listener of any signal: what nohup(1) had ignored would end us.
  const onHangUp = isHangUpIgnored() ? (): void => {} : onSignal;
  const listeners = [["SIGINT", onSignal], ["SIGTERM", onSignal], ["SIGHUP", onHangUp]] as const;
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
