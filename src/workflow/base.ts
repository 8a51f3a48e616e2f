/**
 * The base configuration that every entry document of a service inherits from (1.8). A definition carries its base along as a
 * tagged last document of its stream, so that one text, with one digest, is all that a run executes.
 */
import { isMapping } from "./json.ts";

/** A base that was checked: any root field but `steps`. */
export type Base = Readonly<Record<string, unknown>>;

/** Of what a run inherits: everything, or all but the handlers, which are those of the outermost run (F-37). */
const TAGS = { whole: "!dagu-base", "without-handlers": "!dagu-base-of-child" } as const;
export type Inheritance = keyof typeof TAGS;
export const BASE_TAGS: readonly string[] = Object.values(TAGS);

const CARRIED = new RegExp(`^--- (?:${BASE_TAGS.join("|")}) `, "m");

/** The text with the base behind it; a text that carries one already keeps that. */
export function withBase(text: string, base: Base | null, inheritance: Inheritance = "whole"): string {
  if (base === null || CARRIED.test(text)) return text;
  return `${text}${text.endsWith("\n") ? "" : "\n"}--- ${TAGS[inheritance]} ${JSON.stringify(base)}\n`;
}

/** What a document with this tag has the others inherit; null: it is no base. */
export function carriedBase(tag: string | null, value: unknown): Base | null {
  if (!isMapping(value)) return null;
  if (tag === TAGS.whole) return value;
  if (tag !== TAGS["without-handlers"]) return null;
  const { handler_on: _, ...rest } = value;
  return rest;
}

/** Lists of texts: the base's come first, so that the workflow's win where the last one does. */
const JOINED = new Set(["env", "dotenv", "labels"]);
/** Mappings whose entries are things of their own, each replaced by the one of the same name. */
const BY_NAME = new Set([
  "actions",
  "step_types",
  "defaults",
  "harnesses",
  "handler_on",
  "registry_auths",
  "smtp",
  "error_mail",
  "info_mail",
  "wait_mail",
]);
/** Of these a document may have one: the workflow's choice takes the place of the base's. */
const EITHER_OR: ReadonlyMap<string, string> = new Map([
  ["hist_retention_days", "hist_retention_runs"],
  ["hist_retention_runs", "hist_retention_days"],
  ["container", "ssh"],
  ["ssh", "container"],
]);

export interface Inherited {
  readonly value: Record<string, unknown>;
  /** How many entries of the base stand before the document's own, by root field. */
  readonly before: Readonly<Record<string, number>>;
}

/** F-35: as one document. Whatever has no rule of its own is the workflow's where it has any, else the base's. */
export function inherit(base: Base, own: Readonly<Record<string, unknown>>): Inherited {
  const [ours, theirs] = [withLabels(base), withLabels(own)];
  const kept = Object.entries(ours).filter(([key]) => !Object.hasOwn(theirs, EITHER_OR.get(key) ?? ""));
  const both = kept.filter(([key]) => Object.hasOwn(theirs, key));
  const value: Record<string, unknown> = {
    ...Object.fromEntries(kept),
    ...theirs,
    ...Object.fromEntries(both.map(([key, inherited]) => [key, merge(key, inherited, theirs[key])])),
  };
  const before = both.flatMap(([key, inherited]) =>
    JOINED.has(key) ? [[key, listed(key, inherited).length]] : []
  );
  if (isMapping(value["harnesses"])) value["harnesses"] = withoutDeleted(base, value["harnesses"]);
  return { value, before: Object.fromEntries(before) };
}

/** One field that both have. */
function merge(key: string, inherited: unknown, written: unknown): unknown {
  if (JOINED.has(key)) return [...listed(key, inherited), ...listed(key, written)];
  if (key === "kubernetes") return deeply(inherited, written);
  if (key === "consts") return constsOf(inherited, written);
  return BY_NAME.has(key) && isMapping(inherited) && isMapping(written)
    ? { ...inherited, ...written }
    : written;
}

/** `tags` is the old name of `labels`; where the document has both, that is told by its own rule. */
function withLabels(document: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  if (!Object.hasOwn(document, "tags") || Object.hasOwn(document, "labels")) return document;
  const { tags, ...rest } = document;
  return { ...rest, labels: tags };
}

/** `null` deletes what the base has; built-in names are not of the base. */
function withoutDeleted(base: Base, harnesses: Record<string, unknown>): Record<string, unknown> {
  const inherited = isMapping(base["harnesses"]) ? base["harnesses"] : {};
  return Object.fromEntries(
    Object.entries(harnesses).filter(([name, definition]) =>
      definition !== null || !Object.hasOwn(inherited, name)
    ),
  );
}

/** In the base's order, each overridden in its place; the document's others behind them. */
function constsOf(inherited: unknown, written: unknown): unknown {
  if (!Array.isArray(inherited) || !Array.isArray(written)) return written;
  const nameOf = (entry: unknown): string | undefined => isMapping(entry) ? Object.keys(entry)[0] : undefined;
  const own = new Map(written.map((entry) => [nameOf(entry), entry]));
  const known = new Set(inherited.map(nameOf));
  return [
    ...inherited.map((entry) => own.get(nameOf(entry)) ?? entry),
    ...written.filter((entry) => !known.has(nameOf(entry))),
  ];
}

/** Names of custom actions that both define (F-36). */
export function sharedActions(base: Base, own: Readonly<Record<string, unknown>>): string[] {
  const namesOf = (document: Readonly<Record<string, unknown>>): string[] =>
    ["actions", "step_types"].flatMap((key) => {
      const defined = document[key];
      return isMapping(defined) ? Object.keys(defined) : [];
    });
  const inherited = new Set(namesOf(base));
  return namesOf(own).filter((name) => inherited.has(name));
}

/** A mapping is the list of its entries, a scalar a list of one; labels in one text are several. */
function listed(key: string, value: unknown): unknown[] {
  if (value === null || value === undefined) return [];
  if (Array.isArray(value)) return value;
  if (key === "labels" && typeof value === "string") {
    return value.split(/[\s,]+/).filter((part) => part !== "");
  }
  return isMapping(value) ? Object.entries(value).map(([name, one]) => ({ [name]: one })) : [value];
}

function deeply(inherited: unknown, written: unknown): unknown {
  if (!isMapping(inherited) || !isMapping(written)) return written;
  const merged: Record<string, unknown> = { ...inherited };
  for (const [key, value] of Object.entries(written)) {
    merged[key] = Object.hasOwn(inherited, key) ? deeply(inherited[key], value) : value;
  }
  return merged;
}
