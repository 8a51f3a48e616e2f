/** YAML text -> plain values that know where they stand. The only file that touches the YAML library. */
import { type Document, isMap, isNode, isScalar, isSeq, LineCounter, parseAllDocuments } from "yaml";
import type { Position, Problem } from "./problem.ts";

/** Keys and zero-based indexes from the document's root. */
export type Path = readonly (string | number)[];

export interface SourceDocument {
  /** Maps as plain objects in source order, lists, scalars by the YAML 1.2 core schema. */
  readonly value: unknown;
  /** Where the nearest thing on the path stands: of a key its name, of a list item its first character. */
  positionOf(path: Path): Position;
}

export type Read =
  | { readonly ok: true; readonly documents: readonly SourceDocument[] }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Larger definitions are refused before they are parsed, so that hostile text costs little. */
export const MAX_TEXT_BYTES = 1_048_576;
const MAX_DEPTH = 100;
const MAX_ALIASES = 200;

export function readDocuments(text: string): Read {
  if (text.length > MAX_TEXT_BYTES) {
    return { ok: false, problems: [malformed(`yaml is larger than ${MAX_TEXT_BYTES} characters`, null)] };
  }
  if (nestsTooDeep(text)) {
    return { ok: false, problems: [malformed(`yaml nests deeper than ${MAX_DEPTH} levels`, null)] };
  }
  const lines = new LineCounter();
  try {
    const parsed = parseAllDocuments(text, {
      lineCounter: lines,
      merge: true,
      uniqueKeys: true,
      prettyErrors: false,
    });
    const documents = Array.isArray(parsed) ? parsed : [];
    const problems = documents.flatMap((document) =>
      document.errors.map((error) => malformed(explain(error), lines.linePos(error.pos[0])))
    );
    if (problems.length > 0) return { ok: false, problems };
    return { ok: true, documents: documents.map((document) => newSource(document, lines)) };
  } catch (error) {
    // Alias bombs and exhausted stacks are thrown by the library as untyped errors.
    return { ok: false, problems: [malformed(`yaml cannot be read: ${firstLine(error)}`, null)] };
  }
}

function newSource(document: Document.Parsed, lines: LineCounter): SourceDocument {
  return {
    value: document.toJS({ maxAliasCount: MAX_ALIASES }),
    positionOf: (path) => {
      const at = offsetOf(document, path);
      const { line, col } = lines.linePos(at);
      return { line, column: col };
    },
  };
}

function offsetOf(document: Document.Parsed, path: Path): number {
  let node: unknown = document.contents;
  let at = isNode(node) ? node.range?.[0] ?? 0 : 0;
  for (const part of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(part));
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

/**
 * Flow collections and block indentation bound the nesting of what the parser would build; it recurses, so it is asked
 * only when that is shallow.
 */
function nestsTooDeep(text: string): boolean {
  let flow = 0;
  for (const line of text.split("\n")) {
    const dashes = /^[\s?:-]*/.exec(line)?.[0].replace(/[^?\-]/g, "").length ?? 0;
    if (dashes > MAX_DEPTH || (/^ */.exec(line)?.[0].length ?? 0) > MAX_DEPTH * 20) return true;
    for (const char of line) {
      if (char === "[" || char === "{") flow++;
      else if (char === "]" || char === "}") flow = Math.max(0, flow - 1);
      if (flow > MAX_DEPTH * 10) return true;
    }
  }
  return false;
}

function explain(error: { readonly code: string; readonly message: string }): string {
  return error.code === "DUPLICATE_KEY"
    ? "yaml mapping key is already defined in this mapping"
    : `yaml is malformed: ${firstLine(error)}`;
}

function firstLine(error: unknown): string {
  const message = error instanceof Error || hasMessage(error) ? error.message : String(error);
  return message.split("\n")[0] ?? "";
}

function hasMessage(value: unknown): value is { readonly message: string } {
  return typeof value === "object" && value !== null && "message" in value &&
    typeof value.message === "string";
}

function malformed(message: string, at: { line: number; col: number } | null): Problem {
  return {
    code: "YAML_INVALID",
    severity: "error",
    path: "",
    position: at === null ? null : { line: at.line, column: at.col },
    message,
    remedy: "",
  };
}
