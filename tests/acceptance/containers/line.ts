/** The line between a runner and its engine: what was asked, and what each container held when it was removed. */
import type { EngineClient } from "../../support/engine-client.ts";

export interface EngineLine extends AsyncDisposable {
  /** `POST /v1.41/containers/create?name=x`, in the order in which they came. */
  readonly requests: readonly string[];
  /** Anonymous volumes of the containers that were removed. */
  readonly volumes: readonly string[];
  /** Ends every connection and takes no new one until `mend`. */
  cut(): Promise<void>;
  mend(): void;
}

const REQUEST_LINE = /^(?:GET|HEAD|POST|PUT|DELETE) \/\S*(?= HTTP\/1\.1\r$)/gm;
const REMOVAL = /^DELETE \/v[\d.]+\/containers\/([^/?]+)/;
const ANONYMOUS = /^[0-9a-f]{64}$/;

/** Bytes are carried as they are. A removal waits until its container was looked at. */
export function openEngineLine(path: string, target: string, client: EngineClient): EngineLine {
  const requests: string[] = [];
  const volumes: string[] = [];
  const open = new Set<Deno.Conn>();
  let listener: Deno.Listener | null = null;
  let accepting: Promise<unknown> = Promise.resolve();

  const note = async (lines: readonly string[]): Promise<void> => {
    requests.push(...lines);
    for (const line of lines) {
      const removed = REMOVAL.exec(line)?.[1];
      if (removed === undefined) continue;
      const names = mountsOf(await client.ask("GET", `/containers/${removed}/json`, undefined, [404, 500]));
      volumes.push(...names.filter((name) => ANONYMOUS.test(name)));
    }
  };
  const join = async (near: Deno.Conn): Promise<void> => {
    const far = await Deno.connect({ transport: "unix", path: target });
    open.add(near).add(far);
    await Promise.all([
      near.readable.pipeThrough(newTap(note)).pipeTo(far.writable).catch(() => {}),
      far.readable.pipeTo(near.writable).catch(() => {}),
    ]);
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
  return { requests, volumes, cut, mend, [Symbol.asyncDispose]: cut };
}

/** A client sends the head of a request in one piece. */
function newTap(
  note: (lines: readonly string[]) => Promise<void>,
): TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>> {
  return new TransformStream({
    transform: async (bytes, to) => {
      await note(new TextDecoder().decode(bytes).match(REQUEST_LINE) ?? []);
      to.enqueue(bytes);
    },
  });
}

function mountsOf(inspected: unknown): string[] {
  if (typeof inspected !== "object" || inspected === null || !("Mounts" in inspected)) return [];
  if (!Array.isArray(inspected.Mounts)) return [];
  return inspected.Mounts.map((mount: { Name?: string }) => mount.Name ?? "");
}

function close(side: Deno.Conn): void {
  try {
    side.close();
  } catch {
    // Its other end was quicker.
  }
}
