/** `expected` of a precondition (workflow-language contract 4.11). */

/**
 * Whether some line of the value equals the expected text exactly, or matches `re:PATTERN` (unanchored). An empty value
 * has one empty line, so it matches only an empty text (S-69, S-70).
 */
export function matchesExpected(value: string, expected: string): boolean {
  const lines = value.split("\n");
  if (!expected.startsWith("re:")) return lines.includes(expected);
  const pattern = new RegExp(expected.slice(3), "u");
  return lines.some((line) => pattern.test(line));
}

/** Why the text cannot be an `expected`; null when it can. Both are found at load (S-70). */
export function validateExpected(expected: string): string | null {
  if (!expected.startsWith("re:")) return null;
  return validatePattern(expected.slice(3), "expected regexp");
}

/**
 * Patterns are RE2's: no backreferences, no lookaround. Checked here so that a definition means the same on any engine.
 * `what` begins the answer.
 */
export function validatePattern(pattern: string, what: string): string | null {
  if (pattern === "") return `${what} is empty`;
  if (looksAroundOrBack(pattern)) {
    return `${what} is invalid: backreferences and lookaround are not supported`;
  }
  try {
    new RegExp(pattern, "u");
    return null;
  } catch (error) {
    return `${what} is invalid: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** Reads escapes and classes as such: `\(?=` is an optional parenthesis and `\\1` a backslash before a digit. */
function looksAroundOrBack(pattern: string): boolean {
  let isInClass = false;
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern.charAt(at);
    if (char === "\\") {
      if (!isInClass && /[1-9k]/.test(pattern.charAt(at + 1))) return true;
      at++;
    } else if (isInClass) isInClass = char !== "]";
    else if (char === "[") isInClass = true;
    else if (char === "(" && /^\?<?[=!]/.test(pattern.slice(at + 1, at + 4))) return true;
  }
  return false;
}
