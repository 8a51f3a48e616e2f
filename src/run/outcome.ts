/** How a call ends, as values, and what of its output a failure quotes. */
import { concat } from "./bytes.ts";
import type { Failure, FailureCode } from "./failure.ts";
import type { Outcome, OutputSink, StreamName } from "./ports.ts";

/** Exit code of everything that failed before a process was there and has no better one (containers contract, 0.3). */
export const SETUP_EXIT_CODE = 1;

const TAIL_BYTES = 1_024;

export function succeeded(outputFile: string | null): Outcome {
  return { exitCode: 0, failure: null, outputFile };
}

export function failedWith(failure: Failure, exitCode: number | null = SETUP_EXIT_CODE): Outcome {
  return { exitCode, failure, outputFile: null };
}

export function failed(code: FailureCode, message: string, remedy: string, exitCode?: number): Outcome {
  return failedWith({ code, message, remedy }, exitCode);
}

/** What an earlier process of the runner began cannot be gone on with (B04): the step's own retries decide what then. */
export function lostTry(why: string): Failure {
  return {
    code: "RUNNER_RESTARTED",
    message: `the runner was started anew while the step ran, and the step could not be gone on with: ${why}`,
    remedy: "start the run again, or give the step a retry_policy",
  };
}

/** Of a union with something that has no `remedy`. */
export function isFailure(value: object): value is Failure {
  return "code" in value && "remedy" in value;
}

/** The outcome of one command of several: a failure says which it was (S-20). */
export function nameCommand(outcome: Outcome, index: number): Outcome {
  if (outcome.failure === null) return outcome;
  const message = `command ${index + 1} failed: ${outcome.failure.message}`;
  return { ...outcome, failure: { ...outcome.failure, message } };
}

// ---- the end of what was written --------------------------------------------------------------------------------

/** Remembers the last bytes of a stream. */
export interface Tail {
  add(bytes: Uint8Array): void;
  /** Decoded as UTF-8, broken first characters dropped, whitespace at the end trimmed. */
  text(): string;
}

export function newTail(): Tail {
  let last = new Uint8Array();
  return {
    add: (bytes) => {
      const added = bytes.subarray(Math.max(0, bytes.length - TAIL_BYTES));
      last = concat([last.subarray(Math.max(0, last.length + added.length - TAIL_BYTES)), added]);
    },
    text: () => new TextDecoder().decode(last).replace(/^\uFFFD+/, "").trimEnd(),
  };
}

/** The streams whose ends belong into the message of a failure, in the order of their telling. */
export type Tails = ReadonlyMap<StreamName, Tail>;

export function newTails(streams: readonly StreamName[] = ["stderr"]): Tails {
  return new Map(streams.map((stream) => [stream, newTail()]));
}

/** Passes everything on and remembers the ends. */
export function tailSink(sink: OutputSink, tails: Tails): OutputSink {
  return {
    write: (stream, bytes) => {
      tails.get(stream)?.add(bytes);
      return sink.write(stream, bytes);
    },
  };
}

/** S-30: the code, and the ends of the streams for whoever reads no log. */
export function exitMessage(exitCode: number, tails: Tails): string {
  const parts = [`exit status ${exitCode}`];
  for (const [stream, tail] of tails) {
    const text = tail.text();
    if (text !== "") parts.push(`recent ${stream}:\n${text}`);
  }
  return parts.join("\n");
}
