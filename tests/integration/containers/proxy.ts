/** A line to a real engine that can be cut, as a restarted API service or a broken tunnel would. */

export interface Proxy extends AsyncDisposable {
  readonly path: string;
  /** Ends every connection and takes no new one until `mend`. */
  cut(): Promise<void>;
  mend(): void;
}

export async function openProxy(target: string): Promise<Proxy> {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/proxy.sock`;
  const open = new Set<Deno.Conn>();
  let listener: Deno.Listener | null = null;
  let accepting = Promise.resolve();

  const carry = async (from: Deno.Conn, to: Deno.Conn): Promise<void> => {
    await from.readable.pipeTo(to.writable).catch(() => {});
  };
  const join = async (client: Deno.Conn): Promise<void> => {
    const engine = await Deno.connect({ transport: "unix", path: target });
    open.add(client).add(engine);
    await Promise.all([carry(client, engine), carry(engine, client)]);
    for (const side of [client, engine]) {
      open.delete(side);
      close(side);
    }
  };
  const accept = async (listening: Deno.Listener): Promise<void> => {
    const joined: Promise<void>[] = [];
    for await (const client of listening) joined.push(join(client).catch(() => {}));
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
  return {
    path,
    cut,
    mend,
    [Symbol.asyncDispose]: async () => {
      await cut();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

function close(side: Deno.Conn): void {
  try {
    side.close();
  } catch {
    // Its other end was quicker.
  }
}
