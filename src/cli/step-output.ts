/** Where what steps say is shown. */
import { newLineCutter } from "../run/lines.ts";
import type { StreamName } from "../run/ports.ts";
import { writeStderr } from "../runner/stderr.ts";
import { writeOutBytes } from "./command.ts";

export interface StepOutput {
  /** What is not wanted is not asked for. */
  takes(step: string, stream: StreamName): boolean;
  bytes(step: string, stream: StreamName, bytes: Uint8Array): void;
  /** A last line without an end is shown as it is. */
  end(step: string, stream: StreamName): void;
}

type Writer = (bytes: Uint8Array) => void;

/** Each line under its step's name. */
export function newStepOutput(to: Writer, takes: StepOutput["takes"] = () => true): StepOutput {
  const writers = new Map<string, LineWriter>();
  const keyOf = (step: string, stream: StreamName): string => `${stream} ${step}`;
  return {
    takes,
    bytes(step, stream, bytes) {
      const key = keyOf(step, stream);
      const known = writers.get(key) ?? newLineWriter(to, `${step} │ `);
      writers.set(key, known);
      known.bytes(bytes);
    },
    end(step, stream) {
      const key = keyOf(step, stream);
      writers.get(key)?.end();
      writers.delete(key);
    },
  };
}

/** As it is, each stream to our own of that name. */
export function newRawOutput(takes: StepOutput["takes"]): StepOutput {
  return {
    takes,
    bytes: (_step, stream, bytes) => (stream === "stderr" ? writeStderr : writeOutBytes)(bytes),
    end: () => {},
  };
}

interface LineWriter {
  bytes(bytes: Uint8Array): void;
  end(): void;
}

const utf8 = new TextEncoder();

/** Whole lines go out at once, so that steps that run together do not tear each other's. */
function newLineWriter(to: Writer, prefix: string): LineWriter {
  const decoder = new TextDecoder();
  const cutter = newLineCutter();
  const print = (lines: readonly string[]): void => {
    if (lines.length === 0) return;
    to(utf8.encode(lines.map((line) => `${prefix}${line}\n`).join("")));
  };
  return {
    bytes: (bytes) => print(cutter.add(decoder.decode(bytes, { stream: true }))),
    end() {
      const rest = cutter.end();
      if (rest !== "") print([rest]);
    },
  };
}
