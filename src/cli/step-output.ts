/** What steps say, on stderr: each line under its step's name. */
import type { StreamName } from "../run/ports.ts";
import { writeBytes } from "./command.ts";

export interface StepOutput {
  bytes(step: string, stream: StreamName, bytes: Uint8Array): void;
  /** A last line without an end is shown as it is. */
  end(step: string, stream: StreamName): void;
}

export function newStepOutput(): StepOutput {
  const writers = new Map<string, LineWriter>();
  const keyOf = (step: string, stream: StreamName): string => `${stream} ${step}`;
  return {
    bytes(step, stream, bytes) {
      const key = keyOf(step, stream);
      const known = writers.get(key) ?? newLineWriter(`${step} │ `);
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

interface LineWriter {
  bytes(bytes: Uint8Array): void;
  end(): void;
}

const utf8 = new TextEncoder();

/** Whole lines go out at once, so that steps that run together do not tear each other's. */
function newLineWriter(prefix: string): LineWriter {
  const decoder = new TextDecoder();
  let rest = "";
  const print = (lines: readonly string[]): void => {
    if (lines.length === 0) return;
    writeBytes(Deno.stderr, utf8.encode(lines.map((line) => `${prefix}${line}\n`).join("")));
  };
  return {
    bytes(bytes) {
      const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      print(lines);
    },
    end() {
      if (rest !== "") print([rest]);
      rest = "";
    },
  };
}
