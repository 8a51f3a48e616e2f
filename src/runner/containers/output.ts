/** Bytes from an engine's stream to a step's log: apart, exact, and never faster than the log takes them. */
import type { OutputSink, StreamName } from "../../run/ports.ts";
import { type EngineError, StreamError } from "./api/error.ts";
import { rawPieces, splitFrames } from "./api/frames.ts";
import type { ByteStream } from "./api/socket.ts";

/** Bytes of each stream. */
export type Counts = Record<StreamName, number>;

/**
 * Reads to the end. `onRead`: told of what the sink is given. `skip`: bytes at the beginning that were read before. The
 * error that broke the stream; null: none.
 */
export async function drain(
  stream: ByteStream,
  isTerminal: boolean,
  operation: string,
  sink: OutputSink,
  onRead: (stream: StreamName, bytes: Uint8Array) => void = () => {},
  skip: Readonly<Counts> = { stdout: 0, stderr: 0 },
): Promise<EngineError | null> {
  using source = stream;
  const left = { ...skip };
  try {
    for await (const piece of isTerminal ? rawPieces(source) : splitFrames(source, operation)) {
      const known = Math.min(left[piece.stream], piece.bytes.length);
      left[piece.stream] -= known;
      if (known === piece.bytes.length) continue;
      const fresh = piece.bytes.subarray(known);
      onRead(piece.stream, fresh);
      await sink.write(piece.stream, fresh);
    }
    return null;
  } catch (thrown) {
    if (thrown instanceof StreamError) return thrown.error;
    throw thrown;
  }
}

/** What an engine or an init process writes into the output when the program cannot be started (engine notes 3). */
interface LaunchWords {
  readonly begin: string;
  /** The whole of it. */
  readonly words: RegExp;
  readonly exitCodes: readonly number[];
}

const CANNOT_EXEC = [126, 127];
const LAUNCH_WORDS: readonly LaunchWords[] = [
  {
    begin: "[FATAL tini ",
    words: /^\[FATAL tini \(\d+\)\] exec .* failed: [^\n]*\n$/,
    exitCodes: CANNOT_EXEC,
  },
  // catatonit has one code for everything.
  {
    begin: "ERROR (catatonit:",
    words: /^ERROR \(catatonit:\d+\): failed to exec pid1: [^\n]*\n$/,
    exitCodes: [1],
  },
  // Docker ends its line like a terminal would.
  { begin: "OCI runtime exec failed: ", words: /^OCI runtime exec failed: .*\r\n$/s, exitCodes: CANNOT_EXEC },
  { begin: "unable to find user ", words: /^unable to find user .*\r\n$/s, exitCodes: CANNOT_EXEC },
  { begin: "unable to find group ", words: /^unable to find group .*\r\n$/s, exitCodes: CANNOT_EXEC },
  { begin: "Error: ", words: /^Error: .*(?:exec failed: |crun: ).*OCI /, exitCodes: CANNOT_EXEC },
  // runc, of the init that it cannot start (F43).
  { begin: "exec /", words: /^exec \S+: argument list too long\n$/, exitCodes: [1] },
];
const LAUNCH_TEXT_MAX = 8_192;

export interface LaunchGuard extends OutputSink {
  /**
   * After the last byte: words of a launch that failed, which are kept out of the log; null: what was held back was the
   * program's own, and has been passed on.
   */
  settle(exitCode: number): Promise<string | null>;
}

/** Holds back the very first bytes while they may be such words; a program's own output is passed on as soon as it is none. */
export function newLaunchGuard(sink: OutputSink): LaunchGuard {
  let held: { readonly stream: StreamName; readonly bytes: Uint8Array }[] | null = [];
  const text = (): string => (held ?? []).map(({ bytes }) => new TextDecoder().decode(bytes)).join("");
  const passOn = async (): Promise<void> => {
    const pieces = held ?? [];
    held = null;
    for (const { stream, bytes } of pieces) await sink.write(stream, bytes);
  };
  return {
    write: async (stream, bytes) => {
      if (held === null) return await sink.write(stream, bytes);
      held.push({ stream, bytes: bytes.slice() });
      if (!isPossible(text())) await passOn();
    },
    settle: async (exitCode) => {
      const words = text();
      if (isLaunchFailure(words, exitCode)) return words;
      await passOn();
      return null;
    },
  };
}

/** Once there is a line, it must be one of theirs: a program that goes on is not kept from being read. */
function isPossible(text: string): boolean {
  if (text.length > LAUNCH_TEXT_MAX) return false;
  return LAUNCH_WORDS.some(({ begin, words }) =>
    text.includes("\n") ? words.test(text) : text.startsWith(begin) || begin.startsWith(text)
  );
}

/** Exact, and with the code that goes with it: a program may well print words like these. */
export function isLaunchFailure(text: string, exitCode: number): boolean {
  return LAUNCH_WORDS.some(({ words, exitCodes }) => words.test(text) && exitCodes.includes(exitCode));
}
