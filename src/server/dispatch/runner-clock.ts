/** What a runner's clock lacks to ours: for times that people are shown, and for nothing else (RP-24, RP-25). */
import type { RunnerRow } from "../store/runners.ts";

/** How much of a new difference between the clocks is believed at once; one beyond `JUMP_MS` is: a clock was set. */
const SHARE = 0.25;
const JUMP_MS = 2_000;
/** Not worth a write: messages are not always equally long on their way. */
const STEADY_MS = 100;

/** Beyond this, times that a runner tells are shown on our clock, and beyond the other people are warned. */
const CORRECTED_FROM_MS = 2_000;
export const WARNED_FROM_MS = 300_000;

/** No message is on its way for so long: who sent it has set its clock since its last heartbeat. */
const SET_MS = 60_000;

/** The known difference between the clocks, as the newest measurement changes it. */
export function offsetOf(knownMs: number, measuredMs: number): number {
  if (!Number.isFinite(measuredMs)) return knownMs;
  const change = measuredMs - knownMs;
  const next = Math.abs(change) > JUMP_MS ? measuredMs : knownMs + change * SHARE;
  return Math.abs(next - knownMs) < STEADY_MS ? knownMs : Math.round(next);
}

export interface RunnerClock {
  /** To be added to its times: as its heartbeats told, and as this message tells. */
  readonly knownMs: number;
  readonly measuredMs: number;
  /** When the message came, by our clock. */
  readonly now: number;
}

/** `sentAt`: what the message says (`Dagu-Sent-At`). */
export function clockOf(
  { clockOffsetMs: knownMs }: Pick<RunnerRow, "clockOffsetMs">,
  sentAt: string | undefined,
  now: number,
): RunnerClock {
  const measuredMs = now - Date.parse(sentAt ?? "");
  return { knownMs, measuredMs: Number.isFinite(measuredMs) ? measuredMs : knownMs, now };
}

/**
 * Its message may hold times of before its clock was set, and of after: of the two readings that are not in the future, the
 * nearer one is meant, since most is told soon.
 */
export function onOurClock(at: number, { knownMs, measuredMs, now }: RunnerClock): number {
  // Nothing comes before it was sent: a heartbeat that was long on its way has told too much.
  const isSet = Math.abs(measuredMs - knownMs) > SET_MS;
  const lacksMs = isSet ? knownMs : Math.min(knownMs, measuredMs);
  const asKnown = at + (Math.abs(lacksMs) > CORRECTED_FROM_MS ? lacksMs : 0);
  if (!isSet) return asKnown;
  const asMeasured = at + measuredMs;
  const past = [asKnown, asMeasured].filter((one) => one <= now + CORRECTED_FROM_MS);
  return past.length === 0 ? asMeasured : Math.max(...past);
}
