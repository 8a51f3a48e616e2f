/** The line between a runner and its engine: what was asked, and what each container held when it was removed. */
import type { EngineClient } from "../../support/engine-client.ts";
import { openSocketLine, type SocketLine } from "../../support/socket-line.ts";

export interface EngineLine extends SocketLine {
  /** `POST /v1.41/containers/create?name=x`, in the order in which they came. */
  readonly requests: readonly string[];
  /** Anonymous volumes of the containers that were removed. */
  readonly volumes: readonly string[];
}

const REQUEST_LINE = /^(?:GET|HEAD|POST|PUT|DELETE) \/\S*(?= HTTP\/1\.1\r$)/gm;
const REMOVAL = /^DELETE \/v[\d.]+\/containers\/([^/?]+)/;
const ANONYMOUS = /^[0-9a-f]{64}$/;

/** Bytes are carried as they are. A removal waits until its container was looked at. */
export function openEngineLine(path: string, target: string, client: EngineClient): EngineLine {
  const requests: string[] = [];
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
  return { requests, volumes, ...openSocketLine(path, target, () => newTap(note)) };
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
