/** What a step's output means to the run: captured variables, watched lines, declared outputs. */
import { compilePattern } from "../workflow/condition.ts";
import type { DeclaredOutput } from "../workflow/workflow.ts";
import { concat } from "./bytes.ts";
import type { OutputSink, StreamName } from "./ports.ts";

/** Collects stdout up to a limit and goes on draining beyond it, so that the process never blocks (4.6.3). */
export interface Capture {
  add(bytes: Uint8Array): void;
  readonly isOverLimit: boolean;
  /** What was collected, decoded as UTF-8, surrounding whitespace trimmed (S-51). */
  text(): string;
}

export function newCapture(limitBytes: number): Capture {
  const chunks: Uint8Array[] = [];
  let size = 0;
  let isOverLimit = false;
  return {
    add(bytes) {
      if (isOverLimit) return;
      if (size + bytes.length > limitBytes) {
        isOverLimit = true;
        chunks.length = 0;
        return;
      }
      size += bytes.length;
      chunks.push(bytes.slice());
    },
    get isOverLimit() {
      return isOverLimit;
    },
    text: () => new TextDecoder().decode(concat(chunks)).trim(),
  };
}

const MAX_LINE = 1_048_576;

/** Tells whether some stdout line contains one of the texts, or matches one that is written `re:PATTERN` (S-80). */
export interface LineWatch {
  add(bytes: Uint8Array): void;
  /** Looks at the last, unfinished line too. */
  hasMatched(): boolean;
}

const NOTHING_WANTED: LineWatch = { add: () => {}, hasMatched: () => false };

export function newLineWatch(wanted: readonly string[]): LineWatch {
  if (wanted.length === 0) return NOTHING_WANTED;
  const tests = wanted.map((text): (line: string) => boolean => {
    if (!text.startsWith("re:")) return (line) => line.includes(text);
    const pattern = compilePattern(text.slice(3));
    return (line) => pattern.test(line);
  });
  const decoder = new TextDecoder();
  let rest = "";
  let isMatched = false;
  const look = (line: string): void => {
    isMatched ||= tests.some((test) => test(line));
  };
  return {
    add(bytes) {
      if (isMatched) return;
      const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
      rest = (lines.pop() ?? "").slice(-MAX_LINE);
      lines.forEach(look);
    },
    hasMatched() {
      if (!isMatched && rest !== "") look(rest);
      return isMatched;
    },
  };
}

/** Bytes go to the log first, then to whoever else looks at them. */
export function teeSink(
  log: OutputSink,
  others: (stream: StreamName, bytes: Uint8Array) => Promise<void>,
): OutputSink {
  return {
    async write(stream: StreamName, bytes: Uint8Array) {
      await log.write(stream, bytes);
      await others(stream, bytes);
    },
  };
}

export type OutputFile =
  | { readonly ok: true; readonly values: Readonly<Record<string, string>> }
  | { readonly ok: false; readonly message: string };

/**
 * Reads the text of `DAGU_OUTPUT_FILE` (S-43 to S-46): `name=value` lines and `name<<DELIM` blocks, each declared name
 * exactly once.
 */
export function readOutputFile(text: string, declared: readonly DeclaredOutput[]): OutputFile {
  const lines = text.replaceAll("\r\n", "\n").split("\n");
  const values: Record<string, string> = {};
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] ?? "";
    if (line === "" && i === lines.length - 1) continue;
    const entry = readEntry(lines, i);
    if ("message" in entry) return { ok: false, message: entry.message };
    i = entry.last;
    const output = declared.find((candidate) => candidate.name === entry.name);
    if (output === undefined) return { ok: false, message: `undeclared step output "${entry.name}"` };
    if (Object.hasOwn(values, entry.name)) {
      return { ok: false, message: `duplicate step output "${entry.name}"` };
    }
    if (output.type === "json" && !isJson(entry.value)) {
      return { ok: false, message: `step output "${entry.name}" is declared as json but is not valid JSON` };
    }
    values[entry.name] = entry.value;
  }
  const missing = declared.find((output) => !Object.hasOwn(values, output.name));
  if (missing !== undefined) {
    return { ok: false, message: `declared step output "${missing.name}" was not emitted` };
  }
  return { ok: true, values };
}

type Entry = { readonly name: string; readonly value: string; readonly last: number } | {
  readonly message: string;
};

function readEntry(lines: readonly string[], first: number): Entry {
  const line = lines[first] ?? "";
  const single = /^([A-Za-z][A-Za-z0-9_]*)=(.*)$/s.exec(line);
  if (single !== null) return { name: single[1] ?? "", value: single[2] ?? "", last: first };
  const block = /^([A-Za-z][A-Za-z0-9_]*)<<([A-Za-z_][A-Za-z0-9_]*)$/.exec(line);
  if (block === null) {
    return { message: `line ${first + 1} of the output file is neither name=value nor name<<DELIM` };
  }
  const end = lines.indexOf(block[2] ?? "", first + 1);
  if (end === -1) {
    return { message: `the block of step output "${block[1]}" is not closed by a line ${block[2]}` };
  }
  return { name: block[1] ?? "", value: lines.slice(first + 1, end).join("\n"), last: end };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
