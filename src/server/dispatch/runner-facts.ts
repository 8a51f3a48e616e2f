/** What is known of a runner beside its attempts: written when it changes, which is seldom. */
import type { HeartbeatRequest } from "../../protocol/messages.ts";
import type { ServerPorts } from "../ports.ts";
import { type RunnerRow, updateRunner } from "../store/runners.ts";
import { isSameLabels, labelsOf } from "./claim.ts";

/** How much of a new difference between the clocks is believed at once; one beyond `JUMP_MS` is: a clock was set. */
const SHARE = 0.25;
const JUMP_MS = 2_000;
/** Not worth a write: messages are not always equally long on their way. */
const STEADY_MS = 100;

/** Beyond this, times that a runner tells are shown on our clock, and beyond the other people are warned (RP-25). */
export const CORRECTED_FROM_MS = 2_000;
export const WARNED_FROM_MS = 300_000;

export interface RunnerFacts extends Pick<HeartbeatRequest, "version" | "labels" | "capacity"> {
  /** `Dagu-Sent-At`. */
  readonly sentAt: string | undefined;
}

export async function noteFacts(
  ports: ServerPorts,
  runner: RunnerRow,
  { version, labels, capacity = runner.capacity, sentAt }: RunnerFacts,
): Promise<void> {
  const told = labels === undefined ? null : labelsOf(runner, labels);
  const clockOffsetMs = offsetOf(runner.clockOffsetMs, ports.clock.now() - Date.parse(sentAt ?? ""));
  const isSame = version === runner.version && capacity === runner.capacity &&
    clockOffsetMs === runner.clockOffsetMs && (told === null || isSameLabels(told, runner.labels));
  if (isSame) return;
  const changed = { version, capacity, clockOffsetMs, ...(told === null ? {} : { labels: told }) };
  await updateRunner(ports.db, runner.id, changed);
}

/** The known difference between the clocks, as the newest measurement changes it. */
export function offsetOf(knownMs: number, measuredMs: number): number {
  if (!Number.isFinite(measuredMs)) return knownMs;
  const change = measuredMs - knownMs;
  const next = Math.abs(change) > JUMP_MS ? measuredMs : knownMs + change * SHARE;
  return Math.abs(next - knownMs) < STEADY_MS ? knownMs : Math.round(next);
}
