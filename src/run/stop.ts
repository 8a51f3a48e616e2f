import type { Failure } from "./failure.ts";
import type { Clock, StopReason } from "./ports.ts";

/** How a process is to be stopped, on the host or in a container (containers contract 4.8). */
export interface StopRules {
  /** First signal: `SIGTERM`, `SIGINT`, ... */
  readonly signal: string;
  /** Between the first signal and SIGKILL. */
  readonly graceMs: number;
  /** Aborts when the rest of the grace is to be skipped (CN-06). */
  readonly hurry: AbortSignal;
}

/** A signal of its own that also aborts, with the same reason, when an outer one does. Disposal lets go of the outer one. */
export interface Stop extends Disposable {
  readonly signal: AbortSignal;
  abort(reason: StopReason): void;
}

export function openStop(outer: AbortSignal): Stop {
  const controller = new AbortController();
  const follow = (): void => controller.abort(outer.reason);
  if (outer.aborted) follow();
  else outer.addEventListener("abort", follow, { once: true });
  return {
    signal: controller.signal,
    abort: (reason) => controller.abort(reason),
    [Symbol.dispose]: () => outer.removeEventListener("abort", follow),
  };
}

/**
 * For work that a stop lets finish (S-94): it aborts `graceMs` after a person has stopped the run, at once when `kill` aborts
 * or the stop is of another kind.
 */
export function openPatientStop(clock: Clock, outer: AbortSignal, kill: AbortSignal, graceMs: number): Stop {
  const controller = new AbortController();
  const over = new AbortController();
  const now = (): void => controller.abort(outer.aborted ? outer.reason : kill.reason);
  const follow = (): void => {
    const reason = stopReason(outer);
    if (reason?.kind !== "cancelled" || reason.force) return now();
    void clock.sleep(graceMs, over.signal).then(() => over.signal.aborted || now());
  };
  if (kill.aborted) now();
  else if (outer.aborted) follow();
  else outer.addEventListener("abort", follow, { once: true });
  kill.addEventListener("abort", now, { once: true });
  return {
    signal: controller.signal,
    abort: (reason) => controller.abort(reason),
    [Symbol.dispose]: () => {
      over.abort();
      outer.removeEventListener("abort", follow);
      kill.removeEventListener("abort", now);
    },
  };
}

/**
 * Aborts `stop` with a timeout once `limitSec` have passed, `elapsedMs` of which are over; 0 means never. Disposal ends the
 * timer.
 */
export function openDeadline(
  clock: Clock,
  limitSec: number,
  scope: "step" | "run",
  stop: Stop,
  elapsedMs = 0,
): Disposable {
  if (limitSec <= 0) return { [Symbol.dispose]: () => {} };
  const over = new AbortController();
  const limitMs = limitSec * 1000;
  void clock.sleep(Math.max(0, limitMs - elapsedMs), over.signal).then(() => {
    if (!over.signal.aborted) stop.abort({ kind: "timeout", scope, limitMs });
  });
  return { [Symbol.dispose]: () => over.abort() };
}

/** Why the signal aborted; null while it has not. The core and its callers abort with a `StopReason` only. */
export function stopReason(signal: AbortSignal): StopReason | null {
  if (!signal.aborted) return null;
  const reason: unknown = signal.reason;
  return isStopReason(reason) ? reason : { kind: "cancelled", by: "the runner", force: false };
}

export function runTimeout({ limitMs }: Extract<StopReason, { kind: "timeout" }>): Failure {
  const message = `the run's timeout_sec of ${limitMs / 1000} passed`;
  return { code: "RUN_TIMEOUT", message, remedy: "raise the workflow's timeout_sec" };
}

function isStopReason(reason: unknown): reason is StopReason {
  return typeof reason === "object" && reason !== null && "kind" in reason &&
    (reason.kind === "cancelled" || reason.kind === "timeout" || reason.kind === "fenced");
}
