/** YAML text -> plain values that know where they stand. */
import {
  type Document,
  type ErrorCode,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Pair,
  parseAllDocuments,
  type YAMLMap,
} from "yaml";
import { findExcess } from "./bounds.ts";
import { toPlain } from "./plain.ts";
import type { Position, Problem } from "./problem.ts";

/** Keys and zero-based indexes from the document's root. */
export type Path = readonly (string | number)[];

/** `steps[2].container.image` (F-29). */
export function formatPath(path: Path): string {
  return path.map((part, index) => typeof part === "number" ? `[${part}]` : index === 0 ? part : `.${part}`)
    .join("");
}

export interface SourceDocument {
  /** Maps as plain objects in source order, lists, scalars by the YAML 1.2 core schema. */
  readonly value: unknown;
  /** Of its root; null: it has none. */
  readonly tag: string | null;
  /** Where the nearest thing on the path stands: of a key its name, of a list item its first character. */
  positionOf(path: Path): Position;
}

export type Read =
  | { readonly ok: true; readonly documents: readonly SourceDocument[] }
  | {
    readonly ok: false;
    readonly problems: readonly Problem[];
    /** To be told as well what else is wrong (F-16); none where the text cannot be trusted to mean anything. */
    readonly documents: readonly SourceDocument[];
  };

/** What is nearly always meant, by the library's name for the mistake. */
const YAML_REMEDIES: Partial<Record<ErrorCode, string>> = {
  BLOCK_AS_IMPLICIT_KEY: 'put a text that holds ": " into quotes, or write it as a block with |',
  BAD_SCALAR_START: "put the text into quotes",
  TAB_AS_INDENT: "indent with blanks",
  BAD_INDENT: "indent all keys of one mapping alike",
  MISSING_CHAR: "close the quote or the bracket; what follows a quoted text belongs into the quotes",
  BAD_DQ_ESCAPE: "in double quotes a backslash is written twice; single quotes take it as it is",
};

/** After so many mistakes of syntax the rest is noise of the first ones. */
const MAX_PROBLEMS = 20;

export function readDocuments(text: string): Read {
  const unprintable = findUnprintable(text);
  if (unprintable !== null) return { ok: false, problems: [unprintable], documents: [] };
  const excess = findExcess(text);
  if (excess !== null) {
    return { ok: false, problems: [malformed(excess, { line: 1, column: 1 })], documents: [] };
  }
  const lines = new LineCounter();
  const parsed = parse(text, lines);
  const mistakes = parsed.flatMap((document) =>
    document.errors.map((error) => ({
      message: `yaml is malformed: ${firstLine(error.message)}`,
      remedy: YAML_REMEDIES[error.code] ?? "",
      at: error.pos[0],
    }))
  );
  const plain = mistakes.length > 0 ? [] : parsed.map((document) => toPlain(document.contents));
  const unread = plain.flatMap((one) => one.mistakes);
  const all = [...mistakes, ...unread.map((mistake) => ({ ...mistake, remedy: "" }))];
  const documents = parsed.map((document, index): SourceDocument => {
    const offsetOfPath = newLocator(document);
    return {
      value: plain[index]?.value,
      tag: document.contents?.tag ?? null,
      positionOf: (path) => positionAt(lines, offsetOfPath(path)),
    };
  });
  if (all.length === 0) return { ok: true, documents };
  return {
    ok: false,
    problems: all.slice(0, MAX_PROBLEMS).map(({ message, remedy, at }) =>
      malformed(message, positionAt(lines, at), remedy)
    ),
    documents: mistakes.length === 0 && unread.every(({ isRepeat }) => isRepeat === true) ? documents : [],
  };
}

/** All that YAML leaves out of a text, which then stands in it as an escape (YAML 1.2, 5.1). */
const UNPRINTABLE = /(?![\t\n\r\u0085])\p{Cc}/u;

/** What keeps the text from being YAML at all, whatever it says; null: nothing. */
export function findUnprintable(text: string): Problem | null {
  const found = UNPRINTABLE.exec(text);
  if (found === null) return null;
  const code = found[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, "0");
  const remedy = `remove it, or write it as "\\u${code}" in double quotes`;
  return malformed(`yaml cannot hold the control character U+${code}`, positionIn(text, found.index), remedy);
}

/** Where in a text that nothing has counted the lines of yet. */
export function positionIn(text: string, offset: number): Position {
  const before = text.slice(0, offset);
  return { line: before.split("\n").length, column: offset - before.lastIndexOf("\n") };
}

/** Keys are compared, aliases followed and merges done in `plain.ts`: the library does them in quadratic time. */
function parse(text: string, lines: LineCounter): Document.Parsed[] {
  const parsed = parseAllDocuments(text, {
    lineCounter: lines,
    schema: "core",
    resolveKnownTags: false,
    uniqueKeys: false,
    prettyErrors: false,
    logLevel: "silent",
  });
  return Array.isArray(parsed) ? parsed : [];
}

function positionAt(lines: LineCounter, offset: number): Position {
  const { line, col } = lines.linePos(offset);
  return { line, column: col };
}

/** Offsets of a path's keys; each mapping is indexed once, so that many problems cost no more than few. */
function newLocator(document: Document.Parsed): (path: Path) => number {
  const indexes = new WeakMap<YAMLMap, Map<string, Pair>>();
  const pairOf = (map: YAMLMap, key: string): Pair | undefined => {
    const index = indexes.get(map) ??
      new Map(map.items.map((pair) => [isScalar(pair.key) ? String(pair.key.value) : "", pair]));
    indexes.set(map, index);
    return index.get(key);
  };
  return (path) => offsetOf(document, path, pairOf);
}

function offsetOf(
  document: Document.Parsed,
  path: Path,
  pairOf: (map: YAMLMap, key: string) => Pair | undefined,
): number {
  let node: unknown = document.contents;
  let at = isNode(node) ? node.range?.[0] ?? 0 : 0;
  for (const part of path) {
    if (isMap(node)) {
      const pair = pairOf(node, String(part));
      if (pair === undefined) return at;
      if (isNode(pair.key)) at = pair.key.range?.[0] ?? at;
      node = pair.value;
    } else if (isSeq(node) && typeof part === "number") {
      node = node.items[part];
      if (isNode(node)) at = node.range?.[0] ?? at;
    } else {
      return at;
    }
  }
  return at;
}

function firstLine(message: string): string {
  const line = message.split("\n")[0] ?? "";
  return line.length > 200 ? `${line.slice(0, 200)}...` : line;
}

export function malformed(message: string, position: Position, remedy = ""): Problem {
  return { code: "YAML_INVALID", severity: "error", path: "", position, message, remedy };
}
