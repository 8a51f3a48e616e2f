/**
 * Whether Docker was started anew since it started a container: then it has ended the container itself, with whatever code
 * (F63). Its memory of what happened begins with its own start. Podman's API is none of its containers' business.
 */
import * as v from "valibot";
import { newLineCutter } from "../../run/lines.ts";
import { parseJson } from "../../workflow/json.ts";
import type { Inspected } from "./api/container.ts";
import { StreamError } from "./api/error.ts";
import { readEvents } from "./api/event.ts";
import { systemInfo } from "./api/system.ts";
import type { Engine } from "./engine.ts";

/** 143 and 137: stopped by its engine. 0: what catches SIGTERM may end so. 255: found dead at the engine's start. */
const ENGINE_CODES: ReadonlySet<number> = new Set([0, 137, 143, 255]);
/**
 * Docker remembers 256 events, and those of the current second are not told: where there are more than half as many, the
 * start may have been forgotten.
 */
const FEW = 128;

const Event = v.object({
  Action: v.optional(v.string(), ""),
  Actor: v.optional(v.object({ ID: v.optional(v.string(), "") }), {}),
});

/** Of a container that has ended while nobody could see it. In doubt its end is its own. */
export async function isEndedByEngine(
  engine: Engine,
  { Id, State }: Inspected,
  signal: AbortSignal,
): Promise<boolean> {
  if (!ENGINE_CODES.has(State.ExitCode)) return false;
  const identity = await engine.socket.identity(signal);
  if (!identity.ok || identity.value.isPodman) return false;
  const info = await systemInfo(engine.socket, signal);
  const now = info.ok ? Math.floor(Date.parse(info.value.SystemTime) / 1000) : Number.NaN;
  if (Number.isNaN(now)) return false;
  const events = await readEvents(engine.socket, now, signal);
  if (!events.ok) return false;
  let count = 0;
  let isRemembered = false;
  try {
    for await (const line of linesOf(events.value)) {
      count++;
      const event = v.safeParse(Event, parseJson(line));
      isRemembered ||= event.success && event.output.Actor.ID === Id && event.output.Action === "start";
    }
  } catch (thrown) {
    if (thrown instanceof StreamError) return false;
    throw thrown;
  }
  return !isRemembered && count < FEW;
}

async function* linesOf(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  const cutter = newLineCutter();
  for await (const chunk of bytes) yield* cutter.add(decoder.decode(chunk, { stream: true }));
  const rest = cutter.end();
  if (rest !== "") yield rest;
}
