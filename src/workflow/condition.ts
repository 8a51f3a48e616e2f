/** Patterns, and `expected` of a precondition (workflow-language contract 4.11). */
import { RE2JS, RE2JSException } from "re2js";

/**
 * A pattern in RE2's syntax (S-70): matching costs no more than the text's length, whoever wrote the pattern.
 */
export interface Pattern {
  /** Whether it matches anywhere in the text. */
  test(text: string): boolean;
}

/** Throws on what `validatePattern` refuses. */
export function compilePattern(pattern: string): Pattern {
  return RE2JS.compile(pattern);
}

/** A reason quotes the pattern, which may be long. */
const MAX_REASON = 200;

/**
 * Why the text is no pattern; null when it is one. `what` begins the answer. Backreferences and lookaround
 * are refused: a definition means the same on any engine.
 */
export function validatePattern(pattern: string, what: string): string | null {
  if (pattern === "") return `${what} is empty`;
  try {
    compilePattern(pattern);
    return null;
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error;
    return `${what} is invalid: ${error.message.replace(/^error parsing regexp: /, "").slice(0, MAX_REASON)}`;
  }
}

const PATTERN_MARK = "re:";

/**
 * Whether some line of the value equals the expected text exactly, or matches `re:PATTERN` (unanchored). A
 * line break at the end begins no line; an empty value has one empty line, so it matches only an empty text
 * (S-69, S-70).
 */
export function matchesExpected(value: string, expected: string): boolean {
  const hasEnd = value.length > 1 && value.endsWith("\n");
  const lines = (hasEnd ? value.slice(0, -1) : value).split("\n");
  if (!expected.startsWith(PATTERN_MARK)) return lines.includes(expected);
  const pattern = compilePattern(expected.slice(PATTERN_MARK.length));
  return lines.some((line) => pattern.test(line));
}

/** Why the text cannot be an `expected`; null when it can. Found at load (S-70). */
export function validateExpected(expected: string): string | null {
  if (!expected.startsWith(PATTERN_MARK)) return null;
  return validatePattern(expected.slice(PATTERN_MARK.length), "expected regexp");
}
