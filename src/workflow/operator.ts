/** Shell-style operators inside `${NAME...}` (workflow-language contract 2.7). */
import { readClass } from "./glob.ts";

export type OperatorResult =
  | { readonly kind: "value"; readonly value: string }
  /** Stays as written: the name is not set, or the form asks for something that is not offered. */
  | { readonly kind: "literal" }
  /** The expression would have to assign (V-30). */
  | { readonly kind: "assign" };

const LITERAL: OperatorResult = { kind: "literal" };
const EXPRESSION = /^(#?)([A-Za-z_][A-Za-z0-9_]*)(.*)$/s;

/** null: `inner` is no operator expression at all. `nested` resolves references inside words and patterns (V-31). */
export function expandOperator(
  inner: string,
  valueOf: (name: string) => string | null,
  nested: (text: string) => string,
): OperatorResult | null {
  const match = EXPRESSION.exec(inner);
  if (match === null) return null;
  const [, length, name = "", rest = ""] = match;
  const value = valueOf(name);
  if (length === "#") {
    if (rest !== "") return null;
    return value === null ? LITERAL : { kind: "value", value: String([...value].length) };
  }
  const operator = /^(?::?[-+?=]|##?|%%?|:(?=-?\d|\s+-?\d))/.exec(rest)?.[0];
  if (operator === undefined) return null;
  // Not set at all: the whole expression stays, whatever the operator (V-29).
  if (value === null) return LITERAL;
  return apply(operator, value, rest.slice(operator.length), nested);
}

function apply(
  operator: string,
  value: string,
  word: string,
  nested: (text: string) => string,
): OperatorResult {
  const is = (text: string): OperatorResult => ({ kind: "value", value: text });
  switch (operator) {
    case ":-":
      return is(value === "" ? nested(word) : value);
    case ":+":
      return is(value === "" ? "" : nested(word));
    case "+":
      return is(nested(word));
    case ":?":
      return value === "" ? LITERAL : is(value);
    case ":=":
      return value === "" ? { kind: "assign" } : is(value);
    case "-":
    case "?":
    case "=":
      return is(value);
    case ":":
      return slice(value, word);
    default:
      return is(trim(operator, value, nested(word)));
  }
}

/** `:off` and `:off:len`, in bytes, clamped. */
function slice(value: string, word: string): OperatorResult {
  const match = /^\s*(-?\d+)(?::(-?\d+))?$/.exec(word);
  if (match === null) return LITERAL;
  const bytes = new TextEncoder().encode(value);
  const clamp = (position: number): number => Math.min(Math.max(position, 0), bytes.length);
  const offset = Number(match[1]);
  const start = clamp(offset < 0 ? bytes.length + offset : offset);
  const length = match[2] === undefined ? bytes.length : Number(match[2]);
  const end = clamp(length < 0 ? bytes.length + length : start + length);
  return { kind: "value", value: new TextDecoder().decode(bytes.subarray(start, Math.max(start, end))) };
}

/** Removes the shortest (`#`, `%`) or longest (`##`, `%%`) matching prefix or suffix; an invalid glob nothing (V-32). */
function trim(operator: string, value: string, glob: string): string {
  const parts = readGlob(glob);
  if (parts === null) return value;
  const isLongest = operator.length === 2;
  const chars = [...value];
  if (operator.startsWith("#")) return chars.slice(matchedLength(chars, parts, isLongest)).join("");
  const length = matchedLength(chars.toReversed(), parts.toReversed(), isLongest);
  return chars.slice(0, chars.length - length).join("");
}

type GlobPart = "*" | ((char: string) => boolean);

/**
 * How many characters at the start the glob matches; 0 when none. All readings of the glob advance together, one
 * character at a time, so that a large value costs its length and not its square.
 */
function matchedLength(chars: readonly string[], parts: readonly GlobPart[], isLongest: boolean): number {
  let found = 0;
  let live = afterStars([0], parts);
  for (let length = 0; live.size > 0; length++) {
    if (live.has(parts.length)) {
      found = length;
      if (!isLongest) break;
    }
    const char = chars[length];
    if (char === undefined) break;
    const next = [...live].flatMap((at) => {
      const part = parts[at];
      if (part === "*") return [at];
      return part?.(char) === true ? [at + 1] : [];
    });
    live = afterStars(next, parts);
  }
  return found;
}

/** A star also matches nothing. */
function afterStars(positions: readonly number[], parts: readonly GlobPart[]): ReadonlySet<number> {
  const all = new Set<number>();
  for (const position of positions) {
    let at = position;
    all.add(at);
    while (parts[at] === "*") all.add(++at);
  }
  return all;
}

/** null: an unclosed class, a backwards range or a backslash before nothing. */
function readGlob(glob: string): readonly GlobPart[] | null {
  const chars = [...glob];
  const parts: GlobPart[] = [];
  for (let at = 0; at < chars.length; at++) {
    const char = chars[at];
    if (char === "*") {
      if (parts.at(-1) !== "*") parts.push("*");
    } else if (char === "?") parts.push(() => true);
    else if (char === "[") {
      const read = readClass(chars, at + 1);
      if (read === null) return null;
      parts.push(read.test);
      at = read.end;
    } else {
      const literal = char === "\\" ? chars[++at] : char;
      if (literal === undefined) return null;
      parts.push((other) => other === literal);
    }
  }
  return parts;
}
