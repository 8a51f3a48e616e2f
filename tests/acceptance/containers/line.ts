/** The line between a runner and its engine: what was asked, and what each container held when it was removed. */
import type { EngineClient } from "../../support/engine-client.ts";
import { openSocketLine, type SocketLine } from "../../support/socket-line.ts";

export interface EngineLine extends SocketLine {
  /** `POST /v1.41/containers/create?name=x`, in the order in which they came. */
  readonly requests: readonly string[];
  /** Anonymous volumes of the containers that were removed. */
  readonly volumes: readonly string[];
  /** From now on such a request reaches the engine as one that it refuses: with a query that nobody understands. */
  spoil(request: RegExp): void;
}

const REQUEST_LINE = /^(?:GET|HEAD|POST|PUT|DELETE) \/\S*(?= HTTP\/1\.1\r$)/gm;
const REMOVAL = /^DELETE \/v[\d.]+\/containers\/([^/?]+)/;
const ANONYMOUS = /^[0-9a-f]{64}$/;

/** Bytes are carried as they are. A removal waits until its container was looked at. */
export function openEngineLine(path: string, target: string, client: EngineClient): EngineLine {
  const requests: string[] = [];
  let spoiled: RegExp | null = null;
  const volumes: string[] = [];
  const note = async (lines: readonly string[]): Promise<void> => {
    requests.push(...lines);
    for (const line of lines) {
      const removed = REMOVAL.exec(line)?.[1];
      if (removed === undefined) continue;
      const names = mountsOf(await client.ask("GET", `/containers/${removed}/json`, undefined, [404, 500]));
      volumes.push(...names.filter((name) => ANONYMOUS.test(name)));
    }
  };
  const change = (head: string): string =>
    head.replace(REQUEST_LINE, (line) => spoiled?.test(line) === true ? refusable(line) : line);
  return {
    requests,
    volumes,
    spoil: (request) => {
      spoiled = request;
    },
    ...openSocketLine(path, target, () => newTap(note, () => spoiled === null ? null : change)),
  };
}

/** To a container that there is not would be "gone already": the engine must know it and yet say no. */
function refusable(line: string): string {
  return line.replace(/\?.*$/, "") + "?signal=NOSUCH&link=1&force=perhaps";
}

/** A client sends the head of a request in one piece. */
function newTap(
  note: (lines: readonly string[]) => Promise<void>,
  changes: () => ((head: string) => string) | null,
): TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>> {
  return new TransformStream({
    transform: async (bytes, to) => {
      const text = new TextDecoder().decode(bytes);
      const lines = text.match(REQUEST_LINE) ?? [];
      await note(lines);
      const change = changes();
      to.enqueue(lines.length === 0 || change === null ? bytes : new TextEncoder().encode(change(text)));
    },
  });
}

function mountsOf(inspected: unknown): string[] {
  if (typeof inspected !== "object" || inspected === null || !("Mounts" in inspected)) return [];
  if (!Array.isArray(inspected.Mounts)) return [];
  return inspected.Mounts.map((mount: { Name?: string }) => mount.Name ?? "");
}
