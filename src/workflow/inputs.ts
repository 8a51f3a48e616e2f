/** Values that a run starts from: constants, environment entries, parameters (workflow-language contract 3.1 to 3.3). */
import { isMapping, parseJson } from "./json.ts";
import { resolveText, type Scope, type Unqualified } from "./reference.ts";
import type { NamedText, ParamDeclaration, ParamDeclarations } from "./workflow.ts";

const NO_SCOPE: Scope = {
  consts: {},
  params: {},
  paramsJson: "{}",
  env: {},
  host: {},
  outputs: {},
  context: {},
};

/** Each constant may use earlier ones; a later, own or run-time reference stays literal (P-23). */
export function resolveConsts(consts: readonly NamedText[]): Record<string, string> {
  const values: Record<string, string> = {};
  for (const { name, value } of consts) {
    values[name] = resolveText(value, { ...NO_SCOPE, consts: values }, "no");
  }
  return values;
}

/**
 * The entries' values in order: a later entry sees earlier ones on top of the scope's environment, an earlier one does not
 * see later ones, a redefinition may use the old value (V-39). Answers only the entries, not the scope's environment.
 */
export function resolveEnv(
  entries: readonly NamedText[],
  scope: Scope,
  unqualified: Unqualified,
): Record<string, string> {
  const values: Record<string, string> = {};
  const env: Record<string, string> = { ...scope.env };
  for (const { name, value } of entries) {
    const resolved = resolveText(value, { ...scope, env }, unqualified);
    env[name] = resolved;
    values[name] = resolved;
  }
  return values;
}

// ---- what a caller gives ----------------------------------------------------------------------------------------

export type CallerParams =
  | { readonly kind: "none" }
  /** `a=1 b='two words'`. */
  | { readonly kind: "text"; readonly text: string }
  /** One token for each argument after `--`. */
  | { readonly kind: "tokens"; readonly tokens: readonly string[] }
  /** A JSON object (named values) or array (tokens). */
  | { readonly kind: "json"; readonly json: string };

/** A string from a flag or an API body: JSON when it reads as an object or array, tokens otherwise. */
export function readCallerParams(text: string): CallerParams {
  const trimmed = text.trim();
  if (trimmed === "") return { kind: "none" };
  return (trimmed.startsWith("{") || trimmed.startsWith("[")) && parseJson(trimmed) !== undefined
    ? { kind: "json", json: trimmed }
    : { kind: "text", text: trimmed };
}

export type BoundParams =
  | { readonly ok: true; readonly values: Readonly<Record<string, string>>; readonly json: string }
  | { readonly ok: false; readonly messages: readonly string[] };

/** Names that a webhook may give without a declaration (P-16). */
const UNDECLARED: ReadonlySet<string> = new Set(["WEBHOOK_PAYLOAD", "WEBHOOK_HEADERS"]);

/** Caller values over defaults, checked against the declarations. All mistakes are told at once. */
export function bindParams(declarations: ParamDeclarations, given: CallerParams): BoundParams {
  const read = readGiven(given);
  if ("message" in read) return { ok: false, messages: [read.message] };
  const { entries } = declarations;
  const messages: string[] = [];
  const values = nameGiven(entries, read, messages);

  const bound: Record<string, string> = {};
  for (const entry of entries) {
    const value = values.get(entry.name) ?? entry.default;
    values.delete(entry.name);
    if (value === null) {
      if (entry.required) messages.push(`parameter "${entry.name}" is required`);
      continue;
    }
    const checked = checkParam(entry, value);
    if (checked.ok) bound[entry.name] = checked.value;
    else messages.push(checked.message);
  }
  for (const [name, value] of values) bound[name] = value;
  if (messages.length > 0) return { ok: false, messages };
  return { ok: true, values: bound, json: payloadJson(bound, read.payload) };
}

interface Given {
  readonly named: readonly (readonly [string, string])[];
  readonly positional: readonly string[];
  /** The caller's own JSON object, which `${params}` gives back merged with defaults (P-15). */
  readonly payload: Readonly<Record<string, unknown>> | null;
}

function readGiven(given: CallerParams): Given | { readonly message: string } {
  switch (given.kind) {
    case "none":
      return { named: [], positional: [], payload: null };
    case "tokens":
      return fromTokens(given.tokens);
    case "text":
      return fromTokens(splitParams(given.text));
    case "json": {
      const value = parseJson(given.json);
      if (Array.isArray(value)) return fromTokens(value.map(toText));
      if (!isMapping(value)) {
        return { message: "params must be a JSON object, a JSON array or a list of KEY=value" };
      }
      return {
        named: Object.entries(value).map(([name, item]) => [name, toText(item)] as const),
        positional: [],
        payload: value,
      };
    }
    default:
      return given satisfies never;
  }
}

function fromTokens(tokens: readonly string[]): Given {
  const named: [string, string][] = [];
  const positional: string[] = [];
  for (const token of tokens) {
    const match = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s.exec(token);
    if (match === null) positional.push(unquote(token));
    else named.push([match[1] ?? "", unquote(match[2] ?? "")]);
  }
  return { named, positional, payload: null };
}

/** Blanks separate, quotes and backticks group; quotes are kept here and dropped by `unquote` (P-18). */
export function splitParams(text: string): string[] {
  const tokens: string[] = [];
  // A quote that is never closed is a character like any other, and so are those of its kind after it: each kind is
  // searched to the end at most once.
  const unclosed = new Set<string>();
  let token = "";
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at);
    if (/\s/.test(char)) {
      if (token !== "") tokens.push(token);
      token = "";
      continue;
    }
    const isQuote = (char === '"' || char === "'" || char === "`") && !unclosed.has(char);
    const close = isQuote ? closingQuote(text, at) : -1;
    if (isQuote && close === -1) unclosed.add(char);
    token += close === -1 ? char : text.slice(at, close + 1);
    at = Math.max(at, close);
  }
  if (token !== "") tokens.push(token);
  return tokens;
}

function closingQuote(text: string, open: number): number {
  const quote = text.charAt(open);
  for (let at = open + 1; at < text.length; at++) {
    if (text.charAt(at) === quote) return at;
    if (quote === '"' && text.charAt(at) === "\\") at++;
  }
  return -1;
}

function unquote(text: string): string {
  const isWhole = text.length > 1 && closingQuote(text, 0) === text.length - 1;
  if (text.startsWith('"') && isWhole) return text.slice(1, -1).replace(/\\(["\\])/g, "$1");
  return text.startsWith("'") && isWhole ? text.slice(1, -1) : text;
}

function nameGiven(
  entries: readonly ParamDeclaration[],
  given: Given,
  messages: string[],
): Map<string, string> {
  const values = new Map<string, string>();
  if (entries.length > 0 && given.positional.length > entries.length) {
    messages.push(
      `too many positional params: expected at most ${entries.length}, got ${given.positional.length}`,
    );
  }
  given.positional.forEach((value, index) => values.set(entries[index]?.name ?? String(index + 1), value));
  const names = entries.map((entry) => entry.name);
  const declaresNames = names.some((name) => !/^\d+$/.test(name));
  const unknown = given.named.map(([name]) => name)
    .filter((name) => declaresNames && !names.includes(name) && !UNDECLARED.has(name));
  if (unknown.length > 0) {
    messages.push(`unknown parameter(s): ${unknown.join(", ")}; accepted: ${names.join(", ")}`);
  }
  for (const [name, value] of given.named) if (!unknown.includes(name)) values.set(name, value);
  return values;
}

type Checked = { readonly ok: true; readonly value: string } | {
  readonly ok: false;
  readonly message: string;
};

/** The text of a value that satisfies the declaration (P-07). Also used for defaults when a definition is loaded. */
export function checkParam(entry: ParamDeclaration, text: string): Checked {
  const coerced = coerce(entry.type, text);
  if (coerced === null) {
    return { ok: false, message: `parameter "${entry.name}": cannot coerce "${text}" to ${entry.type}` };
  }
  const broken = brokenRule(entry, coerced);
  return broken === null
    ? { ok: true, value: coerced }
    : { ok: false, message: `parameter "${entry.name}": "${text}" ${broken}` };
}

function coerce(type: ParamDeclaration["type"], text: string): string | null {
  switch (type) {
    case "string":
      return text;
    case "boolean":
      return /^(true|false)$/i.test(text) ? text.toLowerCase() : null;
    case "integer":
      return /^[+-]?\d+$/.test(text) ? text : null;
    case "number":
      return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? text : null;
    default:
      return type satisfies never;
  }
}

function brokenRule(entry: ParamDeclaration, value: string): string | null {
  const number = Number(value);
  const length = [...value].length;
  if (entry.enum !== null && !entry.enum.includes(value)) return `must be one of ${entry.enum.join(", ")}`;
  if (entry.minimum !== null && number < entry.minimum) return `must be at least ${entry.minimum}`;
  if (entry.maximum !== null && number > entry.maximum) return `must be at most ${entry.maximum}`;
  if (entry.minLength !== null && length < entry.minLength) {
    return `must have at least ${entry.minLength} characters`;
  }
  if (entry.maxLength !== null && length > entry.maxLength) {
    return `must have at most ${entry.maxLength} characters`;
  }
  if (entry.pattern !== null && !new RegExp(entry.pattern, "u").test(value)) {
    return `must match ${entry.pattern}`;
  }
  return null;
}

/** The caller's payload merged with defaults, or an object of texts with sorted keys (P-15). */
function payloadJson(values: Readonly<Record<string, string>>, payload: Given["payload"]): string {
  if (payload !== null) return JSON.stringify({ ...values, ...payload });
  return JSON.stringify(Object.fromEntries(Object.entries(values).sort(([a], [b]) => a < b ? -1 : 1)));
}

function toText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
