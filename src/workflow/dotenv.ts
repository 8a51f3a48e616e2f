/** The text of a dotenv file (workflow-language contract P-34). */
import { own } from "./own.ts";

/** Looked for in any case, unless a workflow wants none (P-30). */
export const DEFAULT_DOTENV = ".env";

export type Dotenv =
  | { readonly ok: true; readonly values: Readonly<Record<string, string>> }
  /** Names the line. */
  | { readonly ok: false; readonly message: string };

/** `${K}` takes the value of an earlier line, else that of `env`, else nothing. */
export function parseDotenv(text: string, env: Readonly<Record<string, string>>): Dotenv {
  const values = new Map<string, string>();
  const lookUp = (name: string): string => values.get(name) ?? own(env, name) ?? "";
  const plain = text.replace(/^\uFEFF/, "").replaceAll("\r\n", "\n");
  for (let at = 0; at < plain.length;) {
    const read = readEntry(plain, at, lookUp);
    if (read === null) return { ok: false, message: explain(plain, at) };
    if (read.name !== null) values.set(read.name, read.value);
    at = read.end;
  }
  return { ok: true, values: Object.fromEntries(values) };
}

interface Entry {
  /** null: a blank line or a comment. */
  readonly name: string | null;
  readonly value: string;
  /** Where the next one begins. */
  readonly end: number;
}

const BLANK = /[ \t]*(?:#[^\n]*)?(?:\n|$)/y;
const NAME = /[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*/y;
const SINGLE = /'([^']*)'/y;
const DOUBLE = /"((?:[^"\\]|\\[^])*)"/y;
const BARE = /[^\n]*/y;

/** null: malformed. A quoted value may go over several lines. */
function readEntry(text: string, at: number, lookUp: (name: string) => string): Entry | null {
  const blank = matchAt(BLANK, text, at);
  if (blank !== null) return { name: null, value: "", end: at + blank[0].length };
  const head = matchAt(NAME, text, at);
  if (head === null) return null;
  const [before, name = ""] = head;
  const from = at + before.length;
  const value = readValue(text, from, lookUp);
  if (value === null) return null;
  const rest = matchAt(BLANK, text, value.end);
  return rest === null ? null : { name, value: value.value, end: value.end + rest[0].length };
}

function readValue(
  text: string,
  from: number,
  lookUp: (name: string) => string,
): { readonly value: string; readonly end: number } | null {
  const quote = text.charAt(from);
  if (quote === "'" || quote === '"') {
    const match = matchAt(quote === "'" ? SINGLE : DOUBLE, text, from);
    if (match === null) return null;
    const [whole, inner = ""] = match;
    return { value: quote === "'" ? inner : unescape(inner, lookUp), end: from + whole.length };
  }
  const [line = ""] = matchAt(BARE, text, from) ?? [];
  // A `#` is a comment only where a word could begin.
  const comment = /(?:^|[ \t])#/.exec(line);
  const value = comment === null ? line : line.slice(0, comment.index);
  return { value: expand(value.trimEnd(), lookUp), end: from + line.length };
}

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", '"': '"', "\\": "\\", $: "$" };

/** Escapes and references together, so that `\${K}` stays what it says. */
function unescape(text: string, lookUp: (name: string) => string): string {
  return text.replace(
    /\\([^])|\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g,
    (whole, escaped: string | undefined, name: string | undefined) =>
      name !== undefined ? lookUp(name) : own(ESCAPES, escaped ?? "") ?? whole,
  );
}

function expand(text: string, lookUp: (name: string) => string): string {
  return text.replace(/\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g, (_whole, name: string) => lookUp(name));
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

/** Never quotes the line: it may hold a secret. */
function explain(text: string, at: number): string {
  const line = text.slice(0, at).split("\n").length;
  return `line ${line} is neither KEY=value nor a comment, or its quote is not closed`;
}
