import type { Failure, FailureCode } from "../../run/failure.ts";
import type { Outcome, OutputSink } from "../../run/ports.ts";

/** Exit code of everything that failed before a process was there and has no better one (containers contract, 0.3). */
const SETUP_EXIT_CODE = 1;
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

export function isFailure(value: object): value is Failure {
  return "code" in value && "remedy" in value;
}

/** Remembers the last bytes of a stream. */
export interface Tail {
  add(bytes: Uint8Array): void;
  /** Decoded as UTF-8, broken first characters dropped, whitespace at the end trimmed. */
  text(): string;
}

export function newTail(maxBytes: number = TAIL_BYTES): Tail {
  let last = new Uint8Array();
  return {
    add: (bytes) => {
      const joined = new Uint8Array(last.length + Math.min(bytes.length, maxBytes));
      joined.set(last);
      joined.set(bytes.subarray(Math.max(0, bytes.length - maxBytes)), last.length);
      last = joined.slice(Math.max(0, joined.length - maxBytes));
    },
    text: () => new TextDecoder().decode(last).replace(/^\uFFFD+/, "").trimEnd(),
  };
}

export interface Tails {
  readonly stdout: Tail;
  readonly stderr: Tail;
}

export function newTails(): Tails {
  return { stdout: newTail(), stderr: newTail() };
}

/** Passes everything on and remembers the ends. */
export function tailSink(sink: OutputSink, tails: Tails): OutputSink {
  return {
    write: (stream, bytes) => {
      tails[stream].add(bytes);
      return sink.write(stream, bytes);
    },
  };
}

/** S-30: the code, and the end of stderr for whoever reads no log. */
export function exitMessage(
  exitCode: number,
  tails: Tails,
  streams: readonly (keyof Tails)[] = ["stderr"],
): string {
  const parts = [`exit status ${exitCode}`];
  for (const stream of streams) {
    const text = tails[stream].text();
    if (text !== "") parts.push(`recent ${stream}:\n${text}`);
  }
  return parts.join("\n");
}
