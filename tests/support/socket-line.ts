/** A line to a real engine, server or database that can be cut, as a restarted service or a broken tunnel would. */

/** Path of a socket, or a port on the loopback. */
export type Address = string | number;

export interface SocketLine extends AsyncDisposable {
  /** Ends every connection and takes no new one until `mend`. */
  cut(): Promise<void>;
  mend(): void;
}

type Tap = TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>;

/**
 * Listens at an address and carries bytes to the target as they are; requests pass through a tap of `newTap`, one a
 * connection. A function is asked for each connection's target.
 */
export function openSocketLine(
  near: Address,
  target: Address | (() => Address),
  newTap: () => Tap = () => new TransformStream(),
): SocketLine {
  const open = new Set<Deno.Conn>();
  let listener: Deno.Listener | null = null;
  let accepting: Promise<unknown> = Promise.resolve();

  const join = async (caller: Deno.Conn): Promise<void> => {
    open.add(caller);
    const sides = [caller];
    try {
      const far = await connect(typeof target === "function" ? target() : target);
      sides.push(far);
      // Cut while the far side was being reached: nobody would close it any more, and `cut` would wait for it for ever.
      if (!open.has(caller)) return;
      open.add(far);
      await Promise.all([
        caller.readable.pipeThrough(newTap()).pipeTo(far.writable).catch(() => {}),
        far.readable.pipeTo(caller.writable).catch(() => {}),
      ]);
    } finally {
      for (const side of sides) {
        open.delete(side);
        close(side);
      }
    }
  };
  const accept = async (listening: Deno.Listener): Promise<void> => {
    const joined = new Set<Promise<void>>();
    for await (const caller of listening) {
      // Taken in the moment of the cut: nobody would close it any more, and `cut` would wait for its end.
      if (listener !== listening) {
        close(caller);
        continue;
      }
      const joining = join(caller).catch(() => {}).finally(() => joined.delete(joining));
      joined.add(joining);
    }
    await Promise.all(joined);
  };
  const mend = (): void => {
    const listening = listen(near);
    listener = listening;
    accepting = accept(listening);
  };
  const cut = async (): Promise<void> => {
    listener?.close();
    listener = null;
    for (const side of open) close(side);
    open.clear();
    await accepting;
    if (typeof near === "string") await Deno.remove(near).catch(() => {});
  };
  mend();
  return { cut, mend, [Symbol.asyncDispose]: cut };
}

function listen(address: Address): Deno.Listener {
  return typeof address === "string"
    ? Deno.listen({ transport: "unix", path: address })
    : Deno.listen({ hostname: "127.0.0.1", port: address });
}

async function connect(address: Address): Promise<Deno.Conn> {
  return typeof address === "string"
    ? await Deno.connect({ transport: "unix", path: address })
    : await Deno.connect({ hostname: "127.0.0.1", port: address });
}

function close(side: Deno.Conn): void {
  try {
    side.close();
  } catch {
    // Its other end was quicker.
  }
}
