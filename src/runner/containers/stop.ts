/** How a process in a container is to be stopped (4.8). */
import { stopReason, type StopRules } from "../../run/stop.ts";

/** A forced stop has no grace, and who is fenced off must not go on at all. */
export function graceOf(stop: StopRules, signal: AbortSignal): number {
  const reason = stopReason(signal);
  const isHurried = reason?.kind === "fenced" || (reason?.kind === "cancelled" && reason.force);
  return isHurried || stop.hurry.aborted ? 0 : stop.graceMs;
}

/** Name for `kill` and the engine's API; what is no signal's name is SIGTERM. */
export function signalName(stop: StopRules): string {
  const name = stop.signal.toUpperCase().replace(/^SIG/, "");
  return /^[A-Z][A-Z0-9+-]{1,9}$/.test(name) ? name : "TERM";
}
