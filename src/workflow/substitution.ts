/**
 * Command substitutions in the text of an `eval` (workflow-language contract 2.12): `$(...)` and backticks
 * are found in what the author wrote, before anything is inserted, so that no inserted value is ever executed
 * by being there (V-19).
 */
import { pairBraces } from "./reference.ts";

export type Part =
  /** To be resolved like any other text; the backslash of an escaped substitution is gone. */
  | { readonly kind: "text"; readonly text: string }
  /** What stands between the marks: to be resolved, then executed. */
  | { readonly kind: "command"; readonly text: string };

export type Substitutions =
  | { readonly ok: true; readonly parts: readonly Part[] }
  | { readonly ok: false; readonly message: string };

/**
 * A text that is longer is no value; looking for marks that are never closed costs the square of the length.
 */
const MAX_LENGTH = 16_384;

/** The text cut at its live substitutions; escaped, unclosed and empty backtick ones are text (V-59). */
export function readSubstitutions(text: string): Substitutions {
  if (text.length > MAX_LENGTH) {
    return { ok: false, message: `the text is longer than ${MAX_LENGTH} characters` };
  }
  const closers = pairBraces(text);
  const parts: Part[] = [];
  let literal = "";
  for (let at = 0; at < text.length;) {
    const { part, end } = readPart(text, at, closers);
    at = end;
    if (part.kind === "text") {
      literal += part.text;
      continue;
    }
    if (holdsSubstitution(part.text)) {
      return { ok: false, message: "nested command substitution is not supported" };
    }
    if (literal !== "") parts.push({ kind: "text", text: literal });
    parts.push(part);
    literal = "";
  }
  if (literal !== "") parts.push({ kind: "text", text: literal });
  return { ok: true, parts };
}

/** What begins at the position: a substitution, or a piece of text that holds the beginning of none. */
function readPart(
  text: string,
  at: number,
  closers: ReadonlyMap<number, number>,
): { readonly part: Part; readonly end: number } {
  const piece = (length: number): { part: Part; end: number } => ({
    part: { kind: "text", text: text.slice(at, at + length) },
    end: at + length,
  });
  if (text.charAt(at) === "\\") return readBackslashes(text, at);
  // In the words of a reference's operators nothing is executed (V-31).
  const reference = closers.get(at);
  if (reference !== undefined) return piece(reference + 1 - at);
  const mark = markAt(text, at);
  if (mark === null) return piece(1);
  const from = at + mark.length;
  const end = mark === "`" ? closingBacktick(text, from) : closingParenthesis(text, from);
  if (end === -1) return piece(mark.length);
  if (mark === "`" && end === from) return piece(2);
  return { part: { kind: "command", text: text.slice(from, end) }, end: end + 1 };
}

/** An odd number of them takes the meaning from the mark that follows, and the last one goes (V-12). */
function readBackslashes(text: string, at: number): { readonly part: Part; readonly end: number } {
  let end = at;
  while (text.charAt(end) === "\\") end++;
  const mark = markAt(text, end);
  const isEscaped = mark !== null && (end - at) % 2 === 1;
  return isEscaped
    ? { part: { kind: "text", text: text.slice(at, end - 1) + mark }, end: end + mark.length }
    : { part: { kind: "text", text: text.slice(at, end) }, end };
}

type Mark = "$(" | "`";

function markAt(text: string, at: number): Mark | null {
  if (text.charAt(at) === "`") return "`";
  return text.startsWith("$(", at) ? "$(" : null;
}

function closingBacktick(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    if (text.charAt(at) === "\\") at++;
    else if (text.charAt(at) === "`") return at;
  }
  return -1;
}

/** As a shell finds it: parentheses in quotes do not count, those of substitutions in double quotes do. */
function closingParenthesis(text: string, from: number): number {
  const open: (")" | '"')[] = [")"];
  for (let at = from; at < text.length; at++) {
    const char = text.charAt(at);
    const isQuoted = open.at(-1) === '"';
    if (char === "\\") at++;
    else if (char === "'" && !isQuoted) {
      at = text.indexOf("'", at + 1);
      if (at === -1) return -1;
    } else if (char === '"' && isQuoted) open.pop();
    else if (char === '"') open.push('"');
    else if (char === "(" && (!isQuoted || text.charAt(at - 1) === "$")) open.push(")");
    else if (char === ")" && !isQuoted) {
      open.pop();
      if (open.length === 0) return at;
    }
  }
  return -1;
}

/**
 * Whether the shell would substitute in it: not where it is escaped or in single quotes. `$((` is arithmetic.
 */
function holdsSubstitution(command: string): boolean {
  let isQuoted = false;
  for (let at = 0; at < command.length; at++) {
    const char = command.charAt(at);
    if (char === "\\") at++;
    else if (char === '"') isQuoted = !isQuoted;
    else if (char === "'" && !isQuoted) {
      const close = command.indexOf("'", at + 1);
      if (close !== -1) at = close;
    } else if (command.startsWith("$((", at)) at += 2;
    else if (markAt(command, at) !== null) return true;
  }
  return false;
}
