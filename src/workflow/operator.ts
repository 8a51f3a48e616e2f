/** Shell-style operators inside `${NAME...}` (workflow-language contract 2.7). */

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

/** Removes the shortest (`#`, `%`) or longest (`##`, `%%`) matching prefix or suffix. */
function trim(operator: string, value: string, glob: string): string {
  const pattern = globToRegExp(glob);
  if (pattern === null) return value;
  const isLongest = operator.length === 2;
  const isPrefix = operator.startsWith("#");
  const lengths = Array.from({ length: value.length + 1 }, (_, n) => isLongest ? value.length - n : n);
  for (const length of lengths) {
    const part = isPrefix ? value.slice(0, length) : value.slice(value.length - length);
    if (!pattern.test(part)) continue;
    return isPrefix ? value.slice(length) : value.slice(0, value.length - length);
  }
  return value;
}

function globToRegExp(glob: string): RegExp | null {
  let source = "";
  for (let at = 0; at < glob.length; at++) {
    const char = glob.charAt(at);
    const close = char === "[" ? glob.indexOf("]", at + 2) : -1;
    if (char === "*") source += "[^]*";
    else if (char === "?") source += "[^]";
    else if (close !== -1) {
      source += glob.slice(at, close + 1).replace(/^\[!/, "[^").replaceAll("\\", "\\\\");
      at = close;
    } else source += char.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
  }
  try {
    return new RegExp(`^(?:${source})$`);
  } catch {
    return null;
  }
}
