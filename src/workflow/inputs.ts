/**
 * Values that a run starts from: constants, environment entries, parameters (workflow-language contract 3.1
 * to 3.3).
 */
import { isMapping, parseExactJson, parseJson } from "./json.ts";
import { applySchema } from "./param-schema.ts";
import { checkParam } from "./param-value.ts";
import { resolveText, type Scope, type Unqualified } from "./reference.ts";
import { insertionText } from "./select.ts";
import type { NamedText, ParamDeclaration, ParamDeclarations, ParamSchema, Workflow } from "./workflow.ts";

const NO_SCOPE: Scope = {
  consts: {},
  params: {},
  paramsJson: "{}",
  env: {},
  host: {},
  published: () => null,
  context: {},
};

/** Each constant may use earlier ones; a later, own or run-time reference stays literal (P-23). */
export function resolveConsts(consts: readonly NamedText[]): Record<string, string> {
  const values: Record<string, string> = {};
  for (const { name, value } of consts) {
    values[name] = resolveConstsIn(value, values);
  }
  return values;
}

/** Where nothing else has a value yet. */
export function resolveConstsIn(text: string, consts: Readonly<Record<string, string>>): string {
  return resolveText(text, { ...NO_SCOPE, consts }, "no");
}

/**
 * The entries' values in order: a later entry sees earlier ones on top of the scope's environment, an earlier
 * one does not see later ones, a redefinition may use the old value (V-39). Answers only the entries, not the
 * scope's environment.
 */
export function resolveEnv(
  entries: readonly NamedText[],
  scope: Scope,
  unqualified: Unqualified,
): Record<string, string> {
  const values: Record<string, string> = {};
  if (entries.length === 0) return values;
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
  | {
    readonly ok: true;
    /** Without those whose `eval` the runner has still to execute. */
    readonly values: Readonly<Record<string, string>>;
    /** `DAG_PARAMS_JSON` (P-15). */
    readonly json: string;
    /** Names whose value the caller gave. */
    readonly given: readonly string[];
  }
  | { readonly ok: false; readonly messages: readonly string[] };

/** Names that a webhook may give without a declaration (P-16). */
const UNDECLARED: ReadonlySet<string> = new Set(["WEBHOOK_PAYLOAD", "WEBHOOK_HEADERS"]);

/**
 * Caller values over defaults, checked against the declarations. All mistakes are told at once; nothing is
 * executed.
 */
export function bindParams(declarations: ParamDeclarations, given: CallerParams): BoundParams {
  const read = readGiven(given);
  if ("message" in read) return { ok: false, messages: [read.message] };
  return declarations.schema === undefined
    ? bindDeclared(declarations.entries, read)
    : bindBySchema(declarations.schema, read);
}

function bindDeclared(entries: readonly ParamDeclaration[], read: Given): BoundParams {
  const messages: string[] = [];
  const values = nameGiven(entries, read, messages);
  const given = [...values.keys()];

  const bound: Record<string, string> = {};
  for (const entry of entries) {
    const value = values.get(entry.name) ?? (entry.eval === null ? entry.default : null);
    values.delete(entry.name);
    if (value === null) {
      if (entry.required && entry.eval === null) messages.push(`parameter "${entry.name}" is required`);
      continue;
    }
    const checked = checkParam(entry, value);
    if (checked.ok) bound[entry.name] = checked.value;
    else messages.push(checked.message);
  }
  for (const [name, value] of values) bound[name] = value;
  if (messages.length > 0) return { ok: false, messages };
  return { ok: true, values: bound, json: payloadJson(bound, read.payload), given };
}

/** Named values and JSON only: a schema has no order (P-11). */
function bindBySchema(schema: ParamSchema, read: Given): BoundParams {
  if (read.positional.length > 0) {
    const message = "positional params cannot be given to params with a schema: give KEY=value or JSON";
    return { ok: false, messages: [message] };
  }
  const isOwn = ([name]: readonly [string, unknown]): boolean => !UNDECLARED.has(name);
  const applied = applySchema(schema, {
    texts: read.payload === null ? read.named.filter(isOwn) : [],
    values: Object.fromEntries(Object.entries(read.payload?.object ?? {}).filter(isOwn)),
  });
  if (!applied.ok) return applied;
  const values = {
    ...mapValues(applied.values, insertionText),
    ...Object.fromEntries(read.named.filter((entry) => !isOwn(entry))),
  };
  const given = read.named.map(([name]) => name);
  return {
    ok: true,
    values,
    json: payloadJson(read.payload === null ? values : applied.values, read.payload),
    given,
  };
}

/** Names to which the caller gave another value than their default (P-19). */
export function changedParams(
  declarations: ParamDeclarations,
  bound: Extract<BoundParams, { ok: true }>,
): string[] {
  const defaults = new Map(declarations.entries.map((entry) => [entry.name, entry.default]));
  return bound.given.filter((name) => defaults.get(name) !== bound.values[name]);
}

/** Why a caller may not give these values to a workflow whose values are locked; null: he may (P-19). */
export function findLocked(
  { params, runConfig }: Pick<Workflow, "params" | "runConfig">,
  bound: Extract<BoundParams, { ok: true }>,
): string | null {
  const changed = runConfig.disableParamEdit ? changedParams(params, bound) : [];
  return changed.length === 0
    ? null
    : `run_config.disable_param_edit: the values of ${changed.join(", ")} cannot be changed at a start`;
}

interface Given {
  readonly named: readonly (readonly [string, string])[];
  readonly positional: readonly string[];
  /** The caller's own JSON object, which `${params}` gives back merged with defaults (P-15). */
  readonly payload: Payload | null;
}

interface Payload {
  readonly object: Readonly<Record<string, unknown>>;
  readonly text: string;
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
      const value = parseExactJson(given.json);
      if (Array.isArray(value)) return fromItems(value);
      if (!isMapping(value)) {
        return { message: "params must be a JSON object, a JSON array or a list of KEY=value" };
      }
      return {
        named: Object.entries(value)
          .map(([name, item]) => [name, insertionText(item)] as const),
        positional: [],
        payload: { object: value, text: given.json.trim() },
      };
    }
    default:
      return given satisfies never;
  }
}

/** Texts are tokens, a mapping gives its keys by name. */
function fromItems(items: readonly unknown[]): Given {
  const read = items.map((item) =>
    isMapping(item)
      ? {
        named: Object.entries(item).map(([name, one]) => [name, insertionText(one)] as const),
        positional: [],
      }
      : fromTokens([insertionText(item)])
  );
  return {
    named: read.flatMap(({ named }) => named),
    positional: read.flatMap(({ positional }) => positional),
    payload: null,
  };
}

function fromTokens(tokens: readonly string[]): Given {
  const named: [string, string][] = [];
  const positional: string[] = [];
  for (const { name, value } of tokens.map(readToken)) {
    if (name === null) positional.push(value);
    else named.push([name, value]);
  }
  return { named, positional, payload: null };
}

/** `KEY=value` is named, everything else positional; quotes around the value, or around both, go (P-18). */
export function readToken(token: string): { readonly name: string | null; readonly value: string } {
  const whole = unquote(token);
  const [, name = null, value = ""] = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s.exec(whole) ?? [];
  if (name === null) return { name, value: whole };
  return { name, value: whole === token ? unquote(value) : value };
}

/** Blanks separate, quotes and backticks group; quotes are kept here and dropped by `unquote` (P-18). */
export function splitParams(text: string): string[] {
  const tokens: string[] = [];
  // A quote that is never closed is a character like any other, and so are those of its kind after it: each
  // kind is searched to the end at most once.
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

/**
 * The caller's payload as it is, merged with what it leaves out; texts with sorted keys when there is none
 * (P-15).
 */
function payloadJson(values: Readonly<Record<string, unknown>>, payload: Payload | null): string {
  if (payload === null) return sortedJson(values);
  const isWhole = Object.keys(values).every((name) => Object.hasOwn(payload.object, name));
  return isWhole ? payload.text : sortedJson({ ...values, ...payload.object });
}

/** The payload with values that were computed later. */
export function completePayload(json: string, computed: Readonly<Record<string, string>>): string {
  const payload = parseExactJson(json);
  return Object.keys(computed).length === 0
    ? json
    : sortedJson({ ...(isMapping(payload) ? payload : {}), ...computed });
}

/** Written out by hand: an object would put keys that are numbers first. */
function sortedJson(values: Readonly<Record<string, unknown>>): string {
  const entries = Object.entries(values).sort(([a], [b]) => a < b ? -1 : 1);
  return `{${entries.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(",")}}`;
}

function mapValues(
  values: Readonly<Record<string, unknown>>,
  change: (value: unknown) => string,
): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value)]));
}
