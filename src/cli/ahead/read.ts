/**
 * What the API answers about the run that is ahead, in the words of the real one (AP-54, AP-66, AP-68): its details as they
 * change, and its logs. A stream goes on at the real control plane when that takes over.
 */
import * as v from "valibot";
import type { StreamName } from "../../run/ports.ts";
import { isFinal, isLogOver } from "../../run/status.ts";
import { newPace } from "../../server/http/pace.ts";
import type { ServerPorts } from "../../server/ports.ts";
import type { LocalPlane } from "../local-plane.ts";
import type { RunAhead } from "./run.ts";

export interface ReadPorts extends Pick<ServerPorts, "clock" | "wake"> {
  /** The real control plane; null: nobody asks for it, or it could not be opened. */
  opening(): Promise<LocalPlane> | null;
  /** Why it could not be opened although the run needs it; null: it does not. */
  broken(): unknown;
}

/** Topic: more is known of the run, or the real control plane takes over. */
export const CHANGED = "ahead";

const StreamNames = v.optional(v.picklist(["stdout", "stderr"]), "stdout");
const POLL_MS = 1_000;

/** null: the real control plane knows what to say. `path`: what follows the run's own. */
export function answerRead(
  ports: ReadPorts,
  run: RunAhead,
  path: readonly string[],
  request: Request,
): Response | null {
  const [kind, step = "", log, stream] = path;
  const query = new URL(request.url).searchParams;
  if (kind === undefined) return Response.json({ dagRunDetails: run.details() });
  if (kind === "stream" && path.length === 1) return toResponse(runFrames(ports, run, request));
  const name = v.safeParse(StreamNames, query.get("stream") ?? undefined);
  if (kind !== "steps" || log !== "log" || !name.success || nodeOf(run, step) === undefined) return null;
  if (stream === "stream") return toResponse(logFrames(ports, run, { step, stream: name.output }, request));
  const tail = Number(query.get("tail") ?? "0");
  return stream === undefined && Number.isSafeInteger(tail) && tail > 0
    ? Response.json(lastLines(run.log(step, name.output).bytes(0), tail))
    : null;
}

function nodeOf({ state }: RunAhead, step: string): RunAhead["state"]["steps"][number] | undefined {
  return [...state.steps, ...state.handlers].find(({ name }) => name === step);
}

/** A last line without its end counts too; a last character that is cut does not. */
function lastLines(bytes: Uint8Array, count: number): Record<string, unknown> {
  const lines = new TextDecoder().decode(bytes, { stream: true }).split("\n");
  if (lines.at(-1) === "") lines.pop();
  const last = lines.slice(-count);
  return { content: last.join("\n"), lineCount: last.length, totalLines: lines.length, hasMore: false };
}

async function* runFrames(ports: ReadPorts, run: RunAhead, request: Request): AsyncGenerator<Uint8Array> {
  const pace = newPace(ports.clock);
  for (let shown: RunAhead["state"] | null = null; !request.signal.aborted;) {
    if (ports.broken() !== null) throw ports.broken();
    const real = await openedOf(ports);
    if (real !== null) return yield* goOn(real, request, null);
    const waitMs = pace.waitMs(shown !== run.state, run.state.status);
    if (waitMs > 0) {
      await ports.wake.wait([CHANGED], waitMs, request.signal);
      continue;
    }
    shown = run.state;
    yield frame("run", await pace.show(() => JSON.stringify(run.details())), String(run.ackSeq));
    if (isFinal(shown.status)) return;
  }
}

async function* logFrames(
  ports: ReadPorts,
  run: RunAhead,
  { step, stream }: { readonly step: string; readonly stream: StreamName },
  request: Request,
): AsyncGenerator<Uint8Array> {
  for (let offset = Number(request.headers.get("Last-Event-ID") ?? "0"); !request.signal.aborted;) {
    const real = await openedOf(ports);
    if (real !== null) return yield* goOn(real, request, String(offset));
    const isOver = isLogOver(run.state.status, nodeOf(run, step) ?? null);
    const log = run.log(step, stream);
    if (log.length > offset) {
      const bytes = log.bytes(offset);
      offset = log.length;
      yield frame("chunk", bytes.toBase64(), String(offset));
      continue;
    }
    if (isOver) return yield frame("end", "", String(offset));
    await ports.wake.wait([CHANGED], POLL_MS, request.signal);
  }
}

/** null: it is not open, or could not be opened. */
async function openedOf(ports: ReadPorts): Promise<LocalPlane | null> {
  return await ports.opening()?.catch(() => null) ?? null;
}

/** The same question to the real control plane, from where this stream has got to. */
async function* goOn(real: LocalPlane, request: Request, lastId: string | null): AsyncGenerator<Uint8Array> {
  const headers = new Headers(request.headers);
  if (lastId !== null) headers.set("Last-Event-ID", lastId);
  const response = await real.fetch(new Request(request.url, { headers, signal: request.signal }));
  if (!response.ok) {
    throw new Error(`the control plane answered ${response.status}: ${await response.text()}`);
  }
  if (response.body !== null) yield* response.body;
}

function frame(event: string, data: string, id: string): Uint8Array {
  return new TextEncoder().encode(`event: ${event}\nid: ${id}\ndata: ${data}\n\n`);
}

function toResponse(frames: AsyncGenerator<Uint8Array>): Response {
  return new Response(ReadableStream.from(frames), { headers: { "Content-Type": "text/event-stream" } });
}
