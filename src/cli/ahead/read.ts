/**
 * What the API answers about the run that is ahead, in the words of the real one (AP-54, AP-66): its details as they
 * change, and the ends of its logs. A stream goes on at the real control plane when that takes over.
 */
import * as v from "valibot";
import { isFinal } from "../../run/status.ts";
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
  const tail = Number(query.get("tail") ?? "0");
  return stream === undefined && Number.isSafeInteger(tail) && tail > 0
    ? Response.json(lastLines(run.log(step, name.output).bytes(), tail))
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
    if (real !== null) return yield* goOn(real, request);
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

/** null: it is not open, or could not be opened. */
async function openedOf(ports: ReadPorts): Promise<LocalPlane | null> {
  return await ports.opening()?.catch(() => null) ?? null;
}

/** The same question to the real control plane. */
async function* goOn(real: LocalPlane, request: Request): AsyncGenerator<Uint8Array> {
  const response = await real.fetch(
    new Request(request.url, { headers: request.headers, signal: request.signal }),
  );
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
