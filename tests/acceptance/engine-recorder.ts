/** A line to a real engine that writes down what it is asked: the first line of every request. */

export interface EngineRecorder extends AsyncDisposable {
  /** `POST /v1.41/containers/create?name=x HTTP/1.1`, in the order in which they came. */
  readonly requests: readonly string[];
}

const REQUEST_LINE = /^(?:GET|HEAD|POST|PUT|DELETE) \/\S* HTTP\/1\.1\r$/gm;

/** Bytes are carried as they are, so that attached streams work. */
export function openEngineRecorder(path: string, target: string): EngineRecorder {
  const requests: string[] = [];
  const open = new Set<Deno.Conn>();
  const listener = Deno.listen({ transport: "unix", path });

  const join = async (client: Deno.Conn): Promise<void> => {
    const engine = await Deno.connect({ transport: "unix", path: target });
    open.add(client).add(engine);
    await Promise.all([
      client.readable.pipeThrough(newNotes(requests)).pipeTo(engine.writable).catch(() => {}),
      engine.readable.pipeTo(client.writable).catch(() => {}),
    ]);
  };
  const accepting = (async () => {
    const joined: Promise<void>[] = [];
    for await (const client of listener) joined.push(join(client).catch(() => {}));
    await Promise.all(joined);
  })();
  return {
    requests,
    [Symbol.asyncDispose]: async () => {
      listener.close();
      for (const side of open) close(side);
      await accepting;
    },
  };
}

/** A client sends the head of a request in one piece. */
function newNotes(
  requests: string[],
): TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>> {
  return new TransformStream({
    transform: (bytes, to) => {
      const text = new TextDecoder().decode(bytes);
      requests.push(...(text.match(REQUEST_LINE) ?? []).map((line) => line.trimEnd()));
      to.enqueue(bytes);
    },
  });
}

function close(side: Deno.Conn): void {
  try {
    side.close();
  } catch {
    // Its other end was quicker.
  }
}
