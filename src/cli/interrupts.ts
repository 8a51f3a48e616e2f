/** SIGINT and SIGTERM as two signals: the first asks to end in good order, the second to end now. */
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
  const names = ["SIGINT", "SIGTERM"] as const;
  for (const name of names) Deno.addSignalListener(name, onSignal);
  return {
    first: first.signal,
    second: second.signal,
    [Symbol.dispose]: () => {
      for (const name of names) Deno.removeSignalListener(name, onSignal);
    },
  };
}
