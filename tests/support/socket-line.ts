/** A line to a real engine that can be cut, as a restarted API service or a broken tunnel would. */

export interface SocketLine extends AsyncDisposable {
  /** Ends every connection and takes no new one until `mend`. */
  cut(): Promise<void>;
  mend(): void;
}

type Tap = TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>;

/** Listens at `path` and carries bytes to `target` as they are; requests pass through a tap of `newTap`, one a connection. */
export function openSocketLine(
  path: string,
  target: string,
  newTap: () => Tap = () => new TransformStream(),
): SocketLine {
  const open = new Set<Deno.Conn>();
  let listener: Deno.Listener | null = null;
  let accepting: Promise<unknown> = Promise.resolve();

  const join = async (near: Deno.Conn): Promise<void> => {
    const far = await Deno.connect({ transport: "unix", path: target });
    open.add(near).add(far);
    await Promise.all([
      near.readable.pipeThrough(newTap()).pipeTo(far.writable).catch(() => {}),
      far.readable.pipeTo(near.writable).catch(() => {}),
    ]);
    for (const side of [near, far]) {
      open.delete(side);
      close(side);
    }
  };
  const accept = async (listening: Deno.Listener): Promise<void> => {
    const joined: Promise<void>[] = [];
    for await (const near of listening) joined.push(join(near).catch(() => {}));
    await Promise.all(joined);
  };
  const mend = (): void => {
    const listening = Deno.listen({ transport: "unix", path });
    listener = listening;
    accepting = accept(listening);
  };
  const cut = async (): Promise<void> => {
    listener?.close();
    listener = null;
    for (const side of open) close(side);
    open.clear();
    await accepting;
    await Deno.remove(path).catch(() => {});
  };
  mend();
  return { cut, mend, [Symbol.asyncDispose]: cut };
}

function close(side: Deno.Conn): void {
  try {
    side.close();
  } catch {
    // Its other end was quicker.
  }
}
