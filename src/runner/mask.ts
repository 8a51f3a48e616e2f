/**
 * Hides secret values in everything that leaves the process of a step (MK-01 to MK-04, P-37). Damage limitation, not a
 * boundary (MK-06): a step that holds a secret can always write it in a form that nobody looks for.
 */
import * as v from "valibot";
import { concat } from "../run/bytes.ts";
import { noteOf, RunEventBody } from "../run/event.ts";
import type { Journal, OutputSink, StreamName } from "../run/ports.ts";
import { isMapping } from "../workflow/json.ts";

export const MASK = "*******";
/** Shorter values would hide ordinary words. */
const MIN_LENGTH = 6;
const MIN_LINE_LENGTH = 8;

/** The byte patterns of a set of values. The first byte of each is looked up before anything is compared. */
export interface Mask {
  readonly patterns: readonly Uint8Array[];
  text(text: string): string;
}

export function newMask(values: Iterable<string>): Mask {
  const forms = new Set<string>();
  for (const value of values) for (const form of formsOf(value)) forms.add(form);
  const longestFirst = [...forms].sort((a, b) => b.length - a.length);
  const patterns = longestFirst.map((form) => new TextEncoder().encode(form))
    .sort((a, b) => b.length - a.length);
  return {
    patterns,
    text: (text) => longestFirst.reduce((masked, form) => masked.replaceAll(form, MASK), text),
  };
}

/** The same with more values. */
export function extendMask(mask: Mask, values: readonly string[]): Mask {
  if (values.length === 0) return mask;
  const more = newMask(values);
  return {
    patterns: [...mask.patterns, ...more.patterns].sort((a, b) => b.length - a.length),
    text: (text) => more.text(mask.text(text)),
  };
}

/** The forms of MK-02: raw, lines, JSON text, URL text and form text, base64 and base64url at each alignment. */
function formsOf(value: string): string[] {
  if (value.length < MIN_LENGTH) return [];
  const lines = value.split(/\r?\n/).filter((line) => line.length >= MIN_LINE_LENGTH);
  const json = JSON.stringify(value).slice(1, -1);
  const forms = [value, ...lines, json, inAscii(json)];
  // Half a character has no form in a URL.
  if (value.isWellFormed()) {
    forms.push(encodeURIComponent(value), `${new URLSearchParams([["", value]])}`.slice(1));
  }
  const bytes = new TextEncoder().encode(value);
  for (const shift of [0, 1, 2]) {
    // Characters that mix with unknown neighbours are left out at both ends.
    const padded = new Uint8Array(shift + bytes.length);
    padded.set(bytes, shift);
    const end = Math.floor((padded.length * 8) / 6);
    const core = padded.toBase64().slice(shift === 0 ? 0 : shift + 1, end);
    if (core.length >= MIN_LINE_LENGTH) {
      forms.push(core, core.replaceAll("+", "-").replaceAll("/", "_"));
    }
  }
  return forms;
}

/** As many writers of JSON have it: `\\u00e4` for what is beyond ASCII. */
function inAscii(text: string): string {
  return text.replaceAll(
    /[\u0080-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Masks one stream; what could be the beginning of a value waits for the bytes after it. */
export interface StreamMask {
  add(bytes: Uint8Array): Uint8Array;
  end(): Uint8Array;
}

export function newStreamMask(mask: Mask): StreamMask {
  const isFirstByte = new Uint8Array(256);
  for (const pattern of mask.patterns) isFirstByte[pattern[0] ?? 0] = 1;
  let held: Uint8Array = new Uint8Array();

  const run = (bytes: Uint8Array, isEnd: boolean): Uint8Array => {
    const all = held.length === 0 ? bytes : concat([held, bytes]);
    const out: Uint8Array[] = [];
    let copied = 0;
    let at = 0;
    while (at < all.length) {
      if (isFirstByte[all[at] ?? 0] === 0) {
        at++;
        continue;
      }
      const found = matchAt(mask.patterns, all, at);
      if (found === "more" && !isEnd) break;
      const length = found === "more" ? longestComplete(mask.patterns, all, at) : found;
      if (length === 0) {
        at++;
        continue;
      }
      out.push(all.subarray(copied, at), MASK_BYTES);
      at += length;
      copied = at;
    }
    held = all.slice(at);
    if (copied === 0) return all.subarray(0, at);
    out.push(all.subarray(copied, at));
    return concat(out);
  };

  return {
    add: (bytes) => run(bytes, false),
    end: () => run(new Uint8Array(), true),
  };
}

const MASK_BYTES = new TextEncoder().encode(MASK);

/** Length of the longest pattern that begins here; `more` when the bytes end before that can be told; 0 for none. */
function matchAt(patterns: readonly Uint8Array[], bytes: Uint8Array, at: number): number | "more" {
  for (const pattern of patterns) {
    const available = Math.min(pattern.length, bytes.length - at);
    if (!startsWith(bytes, at, pattern, available)) continue;
    return available === pattern.length ? pattern.length : "more";
  }
  return 0;
}

function longestComplete(patterns: readonly Uint8Array[], bytes: Uint8Array, at: number): number {
  const found = patterns.find((pattern) =>
    pattern.length <= bytes.length - at && startsWith(bytes, at, pattern, pattern.length)
  );
  return found?.length ?? 0;
}

function startsWith(bytes: Uint8Array, at: number, pattern: Uint8Array, length: number): boolean {
  for (let i = 0; i < length; i++) if (bytes[at + i] !== pattern[i]) return false;
  return true;
}

export interface MaskedSink extends OutputSink {
  /** Writes what was held back. Call once, when no more bytes come. */
  end(): Promise<void>;
}

/** A sink whose bytes are masked, each stream on its own. */
export function maskSink(sink: OutputSink, mask: Mask): MaskedSink {
  if (mask.patterns.length === 0) return { write: sink.write, end: () => Promise.resolve() };
  const streams: Record<StreamName, StreamMask> = {
    stdout: newStreamMask(mask),
    stderr: newStreamMask(mask),
  };
  const forward = async (stream: StreamName, bytes: Uint8Array): Promise<void> => {
    if (bytes.length > 0) await sink.write(stream, bytes);
  };
  return {
    write: (stream, bytes) => forward(stream, streams[stream].add(bytes)),
    end: async () => {
      await forward("stdout", streams.stdout.end());
      await forward("stderr", streams.stderr.end());
    },
  };
}

/** Texts of ours, by which what is told is understood: a secret that happens to be one of them hides nothing else. */
const OWN_TEXTS = new Set(
  "type step steps status kind name childRunId code engine level stream".split(" "),
);

/** The same value without a secret in its texts; numbers, keys and what is ours stay as they are. */
export function maskTexts(value: unknown, mask: Mask): unknown {
  if (typeof value === "string") return mask.text(value);
  if (Array.isArray(value)) return value.map((item) => maskTexts(item, mask));
  if (!isMapping(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => {
      const isOurs = OWN_TEXTS.has(key) && (typeof item === "string" || Array.isArray(item));
      return [key, isOurs ? item : maskTexts(item, mask)];
    }),
  );
}

/** A journal in which no event holds a secret value (MK-04). Log bytes are masked before they come here. */
export function maskJournal(journal: Journal, mask: Mask): Journal {
  if (mask.patterns.length === 0) return journal;
  return {
    event: (body) => journal.event(v.parse(RunEventBody, maskTexts(prepared(body, mask), mask))),
    log: (step, stream, bytes) => journal.log(step, stream, bytes),
  };
}

function prepared(body: RunEventBody, mask: Mask): RunEventBody {
  // Unlike other names, that of a container may be made of values.
  if (body.type === "container.started") {
    return { ...body, data: { ...body.data, name: mask.text(body.data.name) } };
  }
  // What stands for a value may be longer than the value, and a note has an end.
  if (body.type !== "note") return body;
  const { level, message, instead } = body.data;
  return { ...body, data: noteOf(level, mask.text(message), instead) };
}

const AuthConfig = v.object({
  auths: v.optional(v.record(
    v.string(),
    v.looseObject({
      auth: v.optional(v.string()),
      password: v.optional(v.string()),
      identitytoken: v.optional(v.string()),
      registrytoken: v.optional(v.string()),
    }),
  )),
});

/** The secret values of a Docker config text (`DOCKER_AUTH_CONFIG`); none when it cannot be read. */
export function registrySecrets(authConfig: string | null): string[] {
  if (authConfig === null) return [];
  try {
    const parsed = v.safeParse(AuthConfig, JSON.parse(authConfig));
    const entries = parsed.success ? Object.values(parsed.output.auths ?? {}) : [];
    return entries.flatMap((entry) => {
      const pair = entry.auth === undefined ? "" : atob(entry.auth);
      const { auth = "", password = "", identitytoken = "", registrytoken = "" } = entry;
      return [auth, pair.slice(pair.indexOf(":") + 1), password, identitytoken, registrytoken];
    });
  } catch {
    return [];
  }
}
