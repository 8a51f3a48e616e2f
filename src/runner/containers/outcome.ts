/** How things end here, as values. */
import type { Failure } from "../../run/failure.ts";
import type { Outcome, OutputSink } from "../../run/ports.ts";
import { stopReason } from "../../run/stop.ts";

/** A failure with the exit code that the step shows for it (0.3). */
export interface Diagnosis {
  readonly failure: Failure;
  readonly exitCode: number;
}

export type Made<T> = { readonly ok: true; readonly value: T } | {
  readonly ok: false;
  readonly error: Diagnosis;
};

/** Everything that fails before a process exists and has no better code. */
export const SETUP_EXIT_CODE = 1;

const STDERR_TAIL = 1_024;

export const SUCCEEDED: Outcome = { exitCode: 0, failure: null, outputFile: null };

export function failedBy({ failure, exitCode }: Diagnosis): Outcome {
  return { exitCode, failure, outputFile: null };
}

export function unmade(
  failure: Failure,
  exitCode: number = SETUP_EXIT_CODE,
): { ok: false; error: Diagnosis } {
  return { ok: false, error: { failure, exitCode } };
}

/** Of a union with something that has no `remedy`. */
export function isFailure(value: object): value is Failure {
  return "code" in value && "remedy" in value;
}

/** What a stop means for the step; which it was is judged by the core, from the same signal. */
export function stopFailure(signal: AbortSignal): Failure {
  const reason = stopReason(signal);
  if (reason?.kind === "timeout") {
    const code = reason.scope === "step" ? "STEP_TIMEOUT" : "RUN_TIMEOUT";
    return { code, message: `stopped: timeout_sec of ${reason.limitMs / 1000} s passed`, remedy: "" };
  }
  const by = reason?.kind === "cancelled" ? ` by ${reason.by}` : "";
  return { code: "CANCELLED", message: `stopped${by}`, remedy: "" };
}

/** Passes bytes on and remembers the end of stderr, for whoever reads no log (0.4.2). */
export interface TailedSink extends OutputSink {
  tail(): string;
}

export function newTailedSink(sink: OutputSink): TailedSink {
  let last = new Uint8Array();
  return {
    write: async (stream, bytes) => {
      if (stream === "stderr") last = joinTail(last, bytes);
      await sink.write(stream, bytes);
    },
    tail: () => new TextDecoder().decode(last).replace(/^\uFFFD+/, "").trimEnd(),
  };
}

export function exitMessage(exitCode: number, stderrTail: string): string {
  const text = `exit status ${exitCode}`;
  return stderrTail === "" ? text : `${text}\nrecent stderr:\n${stderrTail}`;
}

function joinTail(last: Uint8Array, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const added = bytes.subarray(Math.max(0, bytes.length - STDERR_TAIL));
  const kept = last.subarray(Math.max(0, last.length + added.length - STDERR_TAIL));
  const joined = new Uint8Array(kept.length + added.length);
  joined.set(kept);
  joined.set(added, kept.length);
  return joined;
}
