/**
 * References in a field's text: `${namespace.name}`, `$NAME`, `${NAME}` and its shell-style operators. One pass: what was
 * inserted is never looked at again, nothing is quoted, nothing is executed (workflow-language contract 2.2 to 2.7).
 */
import { parseExactJson } from "./json.ts";
import { expandOperator, type OperatorResult } from "./operator.ts";
import { insertionText, selectPath } from "./select.ts";

export interface Scope {
  readonly consts: Readonly<Record<string, string>>;
  /** Every parameter as text; positional ones are named "1", "2", ... */
  readonly params: Readonly<Record<string, string>>;
  /** `${params}`. */
  readonly paramsJson: string;
  /** Environment of the current scope. */
  readonly env: Readonly<Record<string, string>>;
  /** Environment of the runner's process: only `$NAME` in `host` fields falls back to it (V-28). */
  readonly host: Readonly<Record<string, string>>;
  /** What host processes find of it below `env` (V-34): `${env.NAME}` reads it too. Absent: what runs in a container. */
  readonly imported?: Readonly<Record<string, string>>;
  /** What the step of that id published; null: there is none upstream. Asked for only where a reference names it. */
  readonly published: (stepId: string) => Published | null;
  /** Run facts without the `context.` prefix: `run.id`, `event.repo`. */
  readonly context: Readonly<Record<string, string>>;
  /** `ITEM` and `ITEM.field` of a fan-out (S-104). */
  readonly properties?: Readonly<Record<string, string>>;
  /** Output variables of ancestors: `${NAME.path}` selects inside one that holds JSON (V-48). */
  readonly variables?: Readonly<Record<string, string>>;
  /** `index`, `key`, `ALIAS`, `ALIAS.FIELD` inside a foreach body; absent: elsewhere. */
  readonly foreach?: Readonly<Record<string, string>>;
}

export interface Published {
  /** Declared outputs by name: `${steps.ID.outputs.NAME}`. */
  readonly outputs: Readonly<Record<string, string>>;
  /** `output`, `outputs.NAME`, `stdout`, `stderr`, `exit_code`: what may stand behind `ID.` (V-46). */
  readonly properties: Readonly<Record<string, string>>;
}

/**
 * Who owns `$NAME` in a field (V-03): nobody; the scope's environment; that and the process's; or a shell that will see
 * the text later.
 */
export type Unqualified = "no" | "scope" | "host" | "shell";

export interface ResolveOptions {
  /**
   * What a backslash before an unqualified name is: an escape, which goes; one that a shell sees later and takes away
   * itself (containers contract 2.13.3); or a character of a path (V-16).
   */
  readonly unqualifiedBackslash?: "escape" | "shell" | "text";
}

/** The text with every reference that has a value replaced; the others stay as written (V-23). Never throws. */
export function resolveText(
  text: string,
  scope: Scope,
  unqualified: Unqualified,
  options: ResolveOptions = {},
): string {
  if (!text.includes("$")) return text;
  const first = pass(text, { scope, unqualified, options, withOperators: true, depth: 0 });
  // An operator that would have to assign turns all operators of the field off (V-30).
  return first.wantsAssignment
    ? pass(text, { scope, unqualified, options, withOperators: false, depth: 0 }).text
    : first.text;
}

/** Operators nested deeper than this in each other's words stay as written: the call stack must not follow the text. */
const MAX_NESTING = 32;

interface Rules {
  readonly scope: Scope;
  readonly unqualified: Unqualified;
  readonly options: ResolveOptions;
  readonly withOperators: boolean;
  /** In how many operators' words this text stands. */
  readonly depth: number;
}

function pass(text: string, rules: Rules): { text: string; wantsAssignment: boolean } {
  // Pieces, so that taking a backslash back costs nothing: it is always a piece of its own.
  const out: string[] = [];
  let wantsAssignment = false;
  let quoteEnd = -1;
  const closers = pairBraces(text);
  for (let at = 0; at < text.length;) {
    const char = text.charAt(at);
    if (char === "'" && at > quoteEnd) {
      const close = text.indexOf("'", at + 1);
      if (close !== -1) quoteEnd = close;
    }
    if (char !== "$") {
      out.push(char);
      at++;
      continue;
    }
    const token = readToken(text, at, closers);
    if (token === null) {
      out.push(char);
      at++;
      continue;
    }
    const backslashes = countBackslashes(text, at);
    const found = lookUp(token, rules, at < quoteEnd);
    if (found.kind === "embracing" || (rules.options.unqualifiedBackslash === "shell" && isLeft(found))) {
      out.push(char);
      at++;
      continue;
    }
    const isBare = found.kind === "owned" && found.isUnqualified;
    const backslash = (isBare ? rules.options.unqualifiedBackslash : undefined) ?? "escape";
    if (found.kind === "foreign") out.push(token.raw);
    else if (backslashes % 2 === 1 && backslash !== "text") {
      if (backslash === "escape") out.pop();
      out.push(token.raw);
    } else {
      wantsAssignment ||= found.wantsAssignment;
      out.push(found.value ?? token.raw);
    }
    at += token.raw.length;
  }
  return { text: out.join(""), wantsAssignment };
}

// ---- tokens -----------------------------------------------------------------------------------------------------

interface Token {
  /** As written, from `$` on. */
  readonly raw: string;
  /** What is inside the braces, or the bare name. */
  readonly inner: string;
  readonly isBraced: boolean;
}

const BARE = /^(?:[A-Za-z_][A-Za-z0-9_]*|[0-9])/;

function readToken(text: string, at: number, closers: ReadonlyMap<number, number>): Token | null {
  if (text.charAt(at + 1) !== "{") {
    const name = BARE.exec(text.slice(at + 1, at + 257))?.[0];
    return name === undefined ? null : { raw: `$${name}`, inner: name, isBraced: false };
  }
  const end = closers.get(at);
  if (end === undefined) return null;
  return { raw: text.slice(at, end + 1), inner: text.slice(at + 2, end), isBraced: true };
}

/** From each `$` of a `${` to its `}`, found in one scan: a text of nothing but `${` must not cost its square. */
export function pairBraces(text: string): ReadonlyMap<number, number> {
  const closers = new Map<number, number>();
  const open: number[] = [];
  for (let at = text.indexOf("${"); at !== -1 && at < text.length; at++) {
    const char = text.charAt(at);
    if (char === "{" && text.charAt(at - 1) === "$") open.push(at - 1);
    else if (char === "}") {
      const start = open.pop();
      if (start !== undefined) closers.set(start, at);
    }
  }
  return closers;
}

function countBackslashes(text: string, at: number): number {
  let count = 0;
  while (text.charAt(at - 1 - count) === "\\") count++;
  return count;
}

// ---- lookup -----------------------------------------------------------------------------------------------------

type Found =
  /** Not ours in this field: kept silently, backslashes and all. */
  | { readonly kind: "foreign" }
  /** The same, but what stands in it is looked at: a shell's expression may hold a reference. */
  | { readonly kind: "embracing" }
  | {
    readonly kind: "owned";
    readonly isUnqualified: boolean;
    /** null: a reference without a value; it stays as written. */
    readonly value: string | null;
    readonly wantsAssignment: boolean;
  };

function lookUp(token: Token, rules: Rules, isQuoted: boolean): Found {
  if (token.isBraced) {
    const qualified = lookUpQualified(token.inner.trim(), rules.scope);
    if (qualified !== undefined) {
      return { kind: "owned", isUnqualified: false, value: qualified, wantsAssignment: false };
    }
  }
  if (/^[0-9]+$/.test(token.inner)) return owned(rules.scope.params[token.inner]);
  if (rules.unqualified === "no" || rules.unqualified === "shell" || isQuoted) return { kind: "embracing" };
  const nested = { wantsAssignment: false };
  const expanded = expandUnqualified(token, rules, nested);
  if (expanded === null) return { kind: "foreign" };
  return {
    kind: "owned",
    isUnqualified: true,
    value: expanded.kind === "value" ? expanded.value : null,
    wantsAssignment: expanded.kind === "assign" || nested.wantsAssignment,
  };
}

/** For the shell that sees the text later. */
function isLeft(found: Found): boolean {
  return found.kind === "foreign" ||
    (found.kind === "owned" && found.isUnqualified && found.value === null && !found.wantsAssignment);
}

function owned(value: string | undefined): Found {
  return value === undefined
    ? { kind: "foreign" }
    : { kind: "owned", isUnqualified: true, value, wantsAssignment: false };
}

const NAME = "[A-Za-z][A-Za-z0-9_]*";
const ENVIRONMENT_NAME = "[A-Za-z_][A-Za-z0-9_]*";
const QUALIFIED = new RegExp(
  `^(?:(params)|(consts|params)\\.(${NAME})|env\\.(${ENVIRONMENT_NAME})|` +
    `steps\\.(${NAME})\\.outputs\\.(${NAME})|context\\.(${NAME}(?:\\.${NAME})+)|` +
    `foreach\\.(${NAME}(?:\\.${NAME})?))$`,
);

/** Run facts (7.1); each may be written without `context.` (V-09). */
const CONTEXT_ALIASES: ReadonlySet<string> = new Set([
  "dag.name",
  "run.id",
  "run.status",
  "run.started_at",
  "run.scheduled_at",
  "run.root_name",
  "run.root_id",
  "attempt.id",
  "step.id",
  "step.name",
  "trigger.type",
  "trigger.actor",
  "paths.log_file",
  "paths.work_dir",
  "paths.artifacts_dir",
  "paths.step_stdout_file",
  "paths.step_stderr_file",
  "paths.step_output_file",
  "profile.name",
  "profile.resolved_at",
  "pushback.iteration",
  "pushback.previous_stdout_file",
]);

/** undefined: not a qualified reference at all; null: one without a value. */
function lookUpQualified(inner: string, scope: Scope): string | null | undefined {
  const match = QUALIFIED.exec(inner);
  if (match === null) return lookUpAlias(inner, scope);
  const [, whole, namespace, name, env, stepId, output, fact, item] = match;
  if (whole !== undefined) return scope.paramsJson;
  if (namespace !== undefined && name !== undefined) {
    return own(namespace === "consts" ? scope.consts : scope.params, name);
  }
  if (env !== undefined) return own(scope.env, env) ?? own(scope.imported ?? {}, env);
  if (stepId !== undefined && output !== undefined) {
    return own(scope.published(stepId)?.outputs ?? {}, output);
  }
  if (item !== undefined) return own(scope.foreach ?? {}, item);
  return fact === undefined ? null : own(scope.context, fact);
}

function lookUpAlias(inner: string, scope: Scope): string | null | undefined {
  if (CONTEXT_ALIASES.has(inner)) {
    return own(scope.context, inner === "run.started_at" ? "attempt.started_at" : inner);
  }
  return lookUpProperty(inner, scope);
}

/** Where a path's base ends is tried at each of its parts, which costs the square of their number. */
const PATH_MAX = 1_024;
const PROPERTY = /^([A-Za-z_][A-Za-z0-9_]*(?:(?:\.[A-Za-z0-9_-]+)|(?:\[\d+\]))*)(?::(\d+)(?::(\d+))?)?$/;

/** A property of a step, or a path into one or into an output variable that holds JSON; a slice may follow (V-46 to V-48). */
function lookUpProperty(inner: string, scope: Scope): string | undefined {
  const match = inner.length > PATH_MAX ? null : PROPERTY.exec(inner);
  const [, path = "", offset, length] = match ?? [];
  if (
    match === null || (path === inner && !/[.[]/.test(path) && property(path, scope) === null)
  ) {
    return undefined;
  }
  const value = property(path, scope) ?? selectInside(path, scope);
  if (value === null || offset === undefined) return value ?? undefined;
  const chars = [...value];
  const end = length === undefined ? chars.length : Number(offset) + Number(length);
  return chars.slice(Number(offset), end).join("");
}

function selectInside(path: string, scope: Scope): string | null {
  const parts = path.split(/(?=[.[])/);
  for (let count = parts.length - 1; count > 0; count--) {
    const base = parts.slice(0, count).join("");
    const text = property(base, scope) ?? (count === 1 ? own(scope.variables ?? {}, base) : null);
    if (text === null) continue;
    const found = selectPath(parseExactJson(text), parts.slice(count).join(""));
    return found === undefined ? null : insertionText(found);
  }
  return null;
}

function property(path: string, scope: Scope): string | null {
  const dot = path.indexOf(".");
  const ofStep = dot === -1 ? null : scope.published(path.slice(0, dot));
  return own(scope.properties ?? {}, path) ?? own(ofStep?.properties ?? {}, path.slice(dot + 1));
}

function own(values: Readonly<Record<string, string>>, name: string): string | null {
  return Object.hasOwn(values, name) ? values[name] ?? null : null;
}

// ---- unqualified names ------------------------------------------------------------------------------------------

function expandUnqualified(
  token: Token,
  rules: Rules,
  nested: { wantsAssignment: boolean },
): OperatorResult | null {
  const { scope, unqualified } = rules;
  const valueOf = (name: string): string | null =>
    own(scope.env, name) ?? (unqualified === "host" ? own(scope.host, name) : null);
  if (!token.isBraced || new RegExp(`^${ENVIRONMENT_NAME}$`).test(token.inner)) {
    const value = valueOf(token.inner);
    return value === null ? { kind: "literal" } : { kind: "value", value };
  }
  if (!rules.withOperators || rules.depth === MAX_NESTING) return null;
  return expandOperator(token.inner, valueOf, (word) => {
    const inner = pass(word, { ...rules, depth: rules.depth + 1 });
    nested.wantsAssignment ||= inner.wantsAssignment;
    return inner.text;
  });
}

// ---- inspection -------------------------------------------------------------------------------------------------

/** Facts that exist under `context.`; the start of the attempt is the only one whose alias has another name. */
export const CONTEXT_FIELDS: ReadonlySet<string> = new Set(
  [...CONTEXT_ALIASES].map((field) => field === "run.started_at" ? "attempt.started_at" : field),
);

/** A live reference as written. `name`: of the environment, without namespace. */
export type Reference =
  & { readonly token: string }
  & (
    | { readonly kind: "consts" | "params" | "env" | "name"; readonly name: string }
    | { readonly kind: "steps"; readonly id: string; readonly name: string }
    | { readonly kind: "foreach"; readonly name: string }
    | { readonly kind: "context"; readonly field: string; readonly isAlias: boolean }
  );

/** References of the text that are not escaped; text in braces that is none is passed over (V-06, V-11). */
export function listReferences(text: string): readonly Reference[] {
  if (!text.includes("$")) return [];
  const found: Reference[] = [];
  const closers = pairBraces(text);
  for (let at = text.indexOf("$"); at !== -1 && at < text.length;) {
    const token = readToken(text, at, closers);
    const isLive = countBackslashes(text, at) % 2 === 0;
    const reference = token === null || !isLive ? null : readReference(token);
    if (reference !== null) found.push(reference);
    at = text.indexOf("$", at + (token === null || reference === null ? 1 : token.raw.length));
  }
  return found;
}

function readReference({ raw, inner, isBraced }: Token): Reference | null {
  const token = raw;
  if (!isBraced) return { token, kind: "name", name: inner };
  const trimmed = inner.trim();
  const match = QUALIFIED.exec(trimmed);
  if (match === null) {
    if (CONTEXT_ALIASES.has(trimmed)) return { token, kind: "context", field: trimmed, isAlias: true };
    return new RegExp(`^${ENVIRONMENT_NAME}$`).test(inner) ? { token, kind: "name", name: inner } : null;
  }
  const [, , namespace, name = "", env, stepId, output = "", fact, item] = match;
  if (namespace === "consts" || namespace === "params") return { token, kind: namespace, name };
  if (env !== undefined) return { token, kind: "env", name: env };
  if (stepId !== undefined) return { token, kind: "steps", id: stepId, name: output };
  if (item !== undefined) return { token, kind: "foreach", name: item };
  return fact === undefined ? null : { token, kind: "context", field: fact, isAlias: false };
}
