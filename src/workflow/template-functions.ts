/** What templates can call: Go's own functions, and the common ones that people know from Sprig and Helm. */
import { isMapping } from "./json.ts";
import { printf } from "./template-printf.ts";
import { compare, isSame, isTrue, kindText, sortedKeys, valueText } from "./template-value.ts";
import { own } from "./own.ts";

export interface TemplateFunction {
  readonly least: number;
  readonly most: number;
  /** @throws Error in words for the author. */
  readonly call: (given: readonly unknown[]) => unknown;
}

const LIST_MAX = 100_000;

/** `and` and `or` are not here: they look at their values one after another. */
const FUNCTIONS: Readonly<Record<string, TemplateFunction>> = {
  // Go
  not: one((value) => !isTrue(value)),
  len: one(size),
  index: some(1, ([value, ...keys]) => keys.reduce(item, value)),
  slice: { least: 1, most: 3, call: ([value, from = 0, to]) => slice(value, from, to) },
  eq: some(2, ([value, ...others]) => others.some((other) => isSame(value, other))),
  ne: two((a, b) => !isSame(a, b)),
  lt: two((a, b) => order(a, b) < 0),
  le: two((a, b) => order(a, b) <= 0),
  gt: two((a, b) => order(a, b) > 0),
  ge: two((a, b) => order(a, b) >= 0),
  print: some(0, goPrint),
  println: some(0, (given) => `${given.map(valueText).join(" ")}\n`),
  printf: some(1, ([format, ...given]) => printf(string(format), given)),
  html: one((value) => valueText(value).replace(/[&<>"']/g, (mark) => own(HTML, mark) ?? mark)),
  js: one((value) => JSON.stringify(valueText(value)).slice(1, -1).replace(/[<>&'=]/g, unicodeEscape)),
  urlquery: one((value) => encodeURIComponent(valueText(value)).replaceAll("%20", "+")),
  // texts
  upper: one((value) => string(value).toUpperCase()),
  lower: one((value) => string(value).toLowerCase()),
  title: one((value) =>
    string(value).replace(/(^|\s)(\p{L})/gu, (_, space, letter) => space + letter.toUpperCase())
  ),
  trim: one((value) => string(value).trim()),
  trimPrefix: two((prefix, value) => cut(string(value), string(prefix), true)),
  trimSuffix: two((suffix, value) => cut(string(value), string(suffix), false)),
  trimAll: two((marks, value) => trimAll(string(value), string(marks))),
  replace: three((from, to, value) => string(value).replaceAll(string(from), () => string(to))),
  contains: two((part, value) => string(value).includes(string(part))),
  hasPrefix: two((prefix, value) => string(value).startsWith(string(prefix))),
  hasSuffix: two((suffix, value) => string(value).endsWith(string(suffix))),
  split: two((separator, value) => string(value).split(string(separator))),
  splitList: two((separator, value) => string(value).split(string(separator))),
  join: two((separator, value) => list(value).map(valueText).join(string(separator))),
  repeat: two((times, value) => string(value).repeat(whole(times, 0, LIST_MAX))),
  indent: two((width, value) => indent(string(value), whole(width, 0, 1_000))),
  nindent: two((width, value) => `\n${indent(string(value), whole(width, 0, 1_000))}`),
  quote: some(1, (given) => given.map((value) => JSON.stringify(valueText(value))).join(" ")),
  squote: some(1, (given) => given.map((value) => `'${valueText(value)}'`).join(" ")),
  trunc: two((length, value) => trunc(string(value), number(length))),
  toString: one(valueText),
  b64enc: one((value) => btoa(String.fromCharCode(...new TextEncoder().encode(string(value))))),
  b64dec: one((value) => base64Text(string(value))),
  // numbers
  add: some(1, (given) => given.map(number).reduce((a, b) => a + b)),
  sub: two((a, b) => number(a) - number(b)),
  mul: some(1, (given) => given.map(number).reduce((a, b) => a * b)),
  div: two((a, b) => Math.trunc(number(a) / divisor(b))),
  mod: two((a, b) => number(a) % divisor(b)),
  max: some(1, (given) => Math.max(...given.map(number))),
  min: some(1, (given) => Math.min(...given.map(number))),
  int: one((value) => Math.trunc(asNumber(value))),
  float64: one(asNumber),
  until: one((end) => Array.from({ length: whole(end, 0, LIST_MAX) }, (_, index) => index)),
  // lists and mappings
  list: some(0, (given) => [...given]),
  count: one(size),
  first: one((value) => list(value).at(0) ?? null),
  last: one((value) => list(value).at(-1) ?? null),
  has: two((item, value) => list(value).some((one) => isSame(one, item))),
  uniq: one((value) => [...new Map(list(value).map((item) => [JSON.stringify(item), item])).values()]),
  sortAlpha: one((value) => list(value).map(valueText).sort()),
  reverse: one((value) => list(value).toReversed()),
  dict: some(0, dict),
  get: two((value, key) => own(mapping(value), string(key)) ?? ""),
  hasKey: two((value, key) => Object.hasOwn(mapping(value), string(key))),
  keys: one((value) => sortedKeys(mapping(value))),
  values: one((value) => sortedKeys(mapping(value)).map((key) => mapping(value)[key])),
  // choices
  default: two((other, value) => isTrue(value) ? value : other),
  empty: one((value) => !isTrue(value)),
  coalesce: some(1, (given) => given.find(isTrue) ?? null),
  ternary: three((yes, no, condition) => isTrue(condition) ? yes : no),
  // JSON
  toJson: one((value) => JSON.stringify(value)),
  toPrettyJson: one((value) => JSON.stringify(value, null, 2)),
  fromJson: one((value) => readJson(string(value))),
};

/** Not `constructor` and other names that every object knows. */
export function findFunction(name: string): TemplateFunction | null {
  return own(FUNCTIONS, name) ?? null;
}

function one(call: (value: unknown) => unknown): TemplateFunction {
  return { least: 1, most: 1, call: ([value]) => call(value) };
}

function two(call: (a: unknown, b: unknown) => unknown): TemplateFunction {
  return { least: 2, most: 2, call: ([a, b]) => call(a, b) };
}

function three(call: (a: unknown, b: unknown, c: unknown) => unknown): TemplateFunction {
  return { least: 3, most: 3, call: ([a, b, c]) => call(a, b, c) };
}

function some(least: number, call: (given: readonly unknown[]) => unknown): TemplateFunction {
  return { least, most: Infinity, call };
}

// ---- what is given ----------------------------------------------------------------------------------------

function string(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return valueText(value);
  throw new Error(`needs a text, got ${kindText(value)}`);
}

function number(value: unknown): number {
  if (typeof value === "number") return value;
  throw new Error(`needs a number, got ${kindText(value)}`);
}

function asNumber(value: unknown): number {
  const read = typeof value === "string" && value.trim() !== "" ? Number(value) : Number(value === true);
  if (typeof value === "number") return value;
  if (Number.isFinite(read)) return read;
  throw new Error(`needs a number, got ${JSON.stringify(value)}`);
}

function whole(value: unknown, least: number, most: number): number {
  const read = number(value);
  if (Number.isInteger(read) && read >= least && read <= most) return read;
  throw new Error(`needs a whole number from ${least} to ${most}, got ${read}`);
}

function divisor(value: unknown): number {
  const read = number(value);
  if (read === 0) throw new Error("division by zero");
  return read;
}

function list(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new Error(`needs a list, got ${kindText(value)}`);
}

function mapping(value: unknown): Readonly<Record<string, unknown>> {
  if (isMapping(value)) return value;
  throw new Error(`needs a mapping, got ${kindText(value)}`);
}

function order(a: unknown, b: unknown): number {
  const result = compare(a, b);
  if (result === null) throw new Error(`cannot compare ${kindText(a)} with ${kindText(b)}`);
  return result;
}

// ---- what is made -----------------------------------------------------------------------------------------

const HTML: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&#34;",
  "'": "&#39;",
};

function unicodeEscape(mark: string): string {
  return mark === "'" ? "\\'" : `\\u${mark.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
}

/** A space between two values of which none is a text. */
function goPrint(given: readonly unknown[]): string {
  return given.map((value, at) => {
    const isApart = at > 0 && typeof value !== "string" && typeof given[at - 1] !== "string";
    return (isApart ? " " : "") + valueText(value);
  }).join("");
}

function size(value: unknown): number {
  if (typeof value === "string") return new TextEncoder().encode(value).length;
  return isMapping(value) ? Object.keys(value).length : list(value).length;
}

/** Of a mapping a missing key is nothing; of a list a missing place is an error, as in Go. */
function item(value: unknown, key: unknown): unknown {
  if (isMapping(value)) return own(value, string(key)) ?? null;
  const all = list(value);
  const at = number(key);
  if (!Number.isInteger(at) || at < 0 || at >= all.length) throw new Error(`index out of range: ${at}`);
  return all[at];
}

function slice(value: unknown, from: unknown, to: unknown): unknown {
  const all = typeof value === "string" ? value : list(value);
  const end = to === undefined ? all.length : whole(to, 0, all.length);
  return all.slice(whole(from, 0, end), end);
}

function cut(text: string, part: string, isFront: boolean): string {
  if (part === "") return text;
  if (isFront) return text.startsWith(part) ? text.slice(part.length) : text;
  return text.endsWith(part) ? text.slice(0, -part.length) : text;
}

function trimAll(text: string, marks: string): string {
  const letters = [...text];
  const from = letters.findIndex((letter) => !marks.includes(letter));
  const to = letters.findLastIndex((letter) => !marks.includes(letter));
  return from === -1 ? "" : letters.slice(from, to + 1).join("");
}

function indent(text: string, width: number): string {
  return text.replace(/^/gm, " ".repeat(width));
}

function trunc(text: string, length: number): string {
  const letters = [...text];
  return (length < 0 ? letters.slice(length) : letters.slice(0, length)).join("");
}

function base64Text(text: string): string {
  try {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new Error("needs the Base64 of a text");
  }
}

function dict(given: readonly unknown[]): Record<string, unknown> {
  if (given.length % 2 === 1) throw new Error("needs a value for every key");
  return Object.fromEntries(
    given.flatMap((key, at) => at % 2 === 0 ? [[string(key), given[at + 1]] as const] : []),
  );
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error("needs the text of a JSON value");
  }
}
