/**
 * jq itself, compiled to WebAssembly, on a thread of its own: a filter may never end or take all memory, and
 * is then ended with its thread. It sees no file, no process and no environment of the machine.
 */
import { parentPort, workerData } from "node:worker_threads";

export interface JqTask {
  readonly filter: string;
  /** JSON texts, one after another. */
  readonly text: string;
  readonly isRaw: boolean;
}

export type JqAnswer =
  /** `notes`: what `debug`, `stderr` and `input_line_number` and their like said. */
  | { readonly ok: true; readonly text: string; readonly notes: string }
  | { readonly ok: false; readonly message: string };

interface Jq {
  raw(text: string, filter: string, flags: readonly string[]): string | undefined;
}

const MEMORY_MAX = 536_870_912;

/** Builtins of later jq versions, and a dropped one; on one line, so that the filter's lines keep numbers. */
const PRELUDE = [
  `def toarray: if type == "array" then . else [.] end;`,
  `def trim: if type == "string" then sub("^\\\\s+"; "") | sub("\\\\s+$"; "") ` +
  `else error("trim input must be a string") end;`,
  `def ltrim: if type == "string" then sub("^\\\\s+"; "") else error("trim input must be a string") end;`,
  `def rtrim: if type == "string" then sub("\\\\s+$"; "") else error("trim input must be a string") end;`,
  `def trimstr($x): ltrimstr($x) | rtrimstr($x);`,
  `def add(f): reduce f as $x (null; . + $x);`,
  `def leaf_paths: paths(scalars);`,
].join(" ") + " ";

const NOT_JSON = "the data is not JSON";
const SHOWN_CHARS = 60;

limitMemory();
const notes = catchNotes();
parentPort?.postMessage(await run(workerData));

async function run({ filter, text, isRaw }: JqTask): Promise<JqAnswer> {
  try {
    // Loaded now, and not above: it keeps the console that it finds. The package has no types; what it
    // exports is a promise of this.
    const { raw } = await ((await import("jq-web")).default as unknown as Promise<Jq>);
    const printed = raw(text, PRELUDE + filter, isRaw ? ["-r"] : []);
    return { ok: true, text: printed ?? "", notes: notes.join("") };
  } catch (error) {
    const message = explain(error);
    return {
      ok: false,
      message: message.startsWith(NOT_JSON) ? `${message}; it begins ${begin(text)}` : message,
    };
  }
}

/** Enough to see what was given instead, such as a reference that has no value. */
function begin(text: string): string {
  return JSON.stringify(text.slice(0, SHOWN_CHARS));
}

function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (!("stderr" in error)) {
    return /abort|memory|stack/i.test(error.message) ? "out of memory" : error.message;
  }
  const lines = String(error.stderr).replaceAll(PRELUDE, "").split("\n").map((line) =>
    line.replace(/^jq: error(?: \(at [^)]*\))?:? ?/, "").replace(/^jq: parse error/, NOT_JSON)
      .trimEnd()
  );
  return lines.filter((line) => !/^jq: \d+ compile errors?$/.test(line)).join("\n").trim();
}

/** The engine asks for more memory here, and knows what to do with a no. */
function limitMemory(): void {
  const grow = WebAssembly.Memory.prototype.grow;
  WebAssembly.Memory.prototype.grow = function (pages: number): number {
    if (this.buffer.byteLength + pages * 65_536 > MEMORY_MAX) throw new RangeError("out of memory");
    return grow.call(this, pages);
  };
}

/** The library hands jq's stderr to the console, as its last word after a format. */
function catchNotes(): string[] {
  const caught: string[] = [];
  const warn = (...words: readonly unknown[]): void => void caught.push(`${String(words.at(-1))}\n`);
  const silent = (): void => {};
  Object.assign(globalThis, { console: { warn, log: silent, error: silent, info: silent, debug: silent } });
  return caught;
}
