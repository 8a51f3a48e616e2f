/** The building blocks of the schemas: what a field may hold, and what a person reads when it holds something else. */
import * as v from "valibot";
import { isMapping } from "../json.ts";
import type { ProblemCode } from "../problem.ts";
import { insertionText } from "../select.ts";
import { unsupported } from "../unsupported.ts";
import { adviseOnKey } from "./key-advice.ts";
import { own } from "../own.ts";

/** What travels in a valibot issue's message, which can only be text. */
export interface Complaint {
  readonly code: ProblemCode;
  readonly message: string;
  readonly remedy: string;
}

/** Begins with a verb ("must be a string"): the field's name is put in front, unless the text is a sentence of its own. */
export function complain(message: string, remedy = "", code: ProblemCode = "SPEC_INVALID"): string {
  return JSON.stringify({ code, message, remedy } satisfies Complaint);
}

export function readComplaint(message: string): Complaint {
  try {
    const read: unknown = JSON.parse(message);
    if (v.is(ComplaintSchema, read)) return read;
  } catch {
    // A message of the library itself: plain text.
  }
  return { code: "SPEC_INVALID", message, remedy: "" };
}

const ComplaintSchema = v.object({
  code: v.picklist(["YAML_INVALID", "SPEC_INVALID", "MOUNT_INVALID", "IMAGE_REFERENCE_INVALID"]),
  message: v.string(),
  remedy: v.string(),
});

/** Each name but the first of its kind is told, also where other items of the list are wrong (F-16). */
export function distinctNames<T>(twice: (name: string) => string): v.RawCheckAction<T> {
  return v.rawCheck(({ dataset, addIssue }) => {
    const items: readonly unknown[] = Array.isArray(dataset.value) ? dataset.value.flat() : [];
    const seen = new Set<string>();
    for (const [index, item] of items.entries()) {
      const name = isMapping(item) ? item["name"] : undefined;
      // Positional parameters are counted when all are known.
      if (typeof name !== "string" || (!dataset.typed && /^\d+$/.test(name))) continue;
      if (seen.has(name)) addIssue({ message: twice(name), path: [keyItem(index, null)] });
      seen.add(name);
    }
  });
}

/** The YAML kind of a value, for people. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a mapping";
  if (typeof value === "string") return `the text ${quote(value)}`;
  return `the ${typeof value} ${String(value)}`;
}

/** Short values are quoted whole, long ones cut (F-29). */
export function quote(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value) ?? String(value);
  return `"${text.length > 80 ? `${text.slice(0, 77)}...` : text}"`;
}

type Scalar = string | number | boolean;

export function isScalarValue(value: unknown): value is Scalar {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}

function mustBe(what: string): (issue: { readonly input: unknown }) => string {
  return (issue) => complain(`must be ${what}, got ${kindOf(issue.input)}`);
}

/** Text, exactly. */
export const string = v.string(mustBe("a string"));

/** Text; numbers and booleans take their plain form (2.1.4, V-21). */
export const text = v.pipe(
  v.custom<Scalar>(isScalarValue, mustBe("a string")),
  v.transform((value) => insertionText(value)),
);

/** Text with surrounding whitespace removed, not blank. */
export const name = v.pipe(text, v.trim(), v.nonEmpty(complain("must not be blank")));

export const flag = v.pipe(
  v.custom<boolean | string>(
    (value) => typeof value === "boolean" || value === "true" || value === "false",
    mustBe("a boolean"),
  ),
  v.transform((value) => value === true || value === "true"),
);

/** A boolean that no text can stand for. */
export const strictFlag = v.boolean(mustBe("a boolean"));

export function integer(minimum: number, field: string): v.GenericSchema<unknown, number> {
  return v.pipe(
    v.unknown(),
    v.check(
      (value) => typeof value === "number" && Number.isSafeInteger(value),
      (issue) => mustBe("an integer")(issue),
    ),
    v.transform((value) => Number(value)),
    v.minValue(minimum, complain(`${field} must be >= ${minimum}`)),
  );
}

/** A list of texts; one scalar is a list of one (2.1.4). */
export const texts = v.pipe(
  v.unknown(),
  v.transform((value) => isScalarValue(value) ? [value] : value),
  v.array(text, mustBe("a list of strings")),
);

/** One of the words, whitespace and case ignored where `isLoose`. */
export function oneOf<const T extends string>(
  words: readonly T[],
  isLoose = false,
): v.GenericSchema<unknown, T> {
  const options = words.join(", ");
  return v.pipe(
    text,
    v.transform((value) => isLoose ? value.trim().toLowerCase() : value),
    v.picklist(words, (issue) => complain(`must be one of: ${options}, got ${kindOf(issue.input)}`)),
  );
}

export const mapping = v.custom<Record<string, unknown>>(isMapping, mustBe("a mapping"));

/** A map of scalars, as texts. */
export const textMap = v.pipe(mapping, v.record(v.string(), text));

export interface KeyRules {
  /** What the mapping is called in messages. */
  readonly of: string;
  /** How a message says that a key is none of them. */
  readonly phrase?: string;
  /** The whole sentence about a key that is none of them, where the language fixes it. */
  readonly says?: (key: string) => string;
  /** Keys that the language knows and this version does not do. */
  readonly unsupported?: readonly string[];
  /** Keys that the language knows and whoever comes before the schema has taken out: their older spellings are told too. */
  readonly readBefore?: readonly string[];
  /** Keys of which null is a value like any other. */
  readonly nullable?: readonly string[];
  /** Words of advice for keys that people write by mistake. */
  readonly hints?: Readonly<Record<string, string>>;
}

/** A mapping with these keys and no others (F-14); absent and null are the same. */
export function fields<const E extends v.ObjectEntries>(entries: E, rules: KeyRules) {
  const known = Object.keys(entries);
  return v.pipe(
    mapping,
    v.transform((value) => dropNulls(value, rules.nullable ?? [])),
    v.looseObject(entries, complain("is required")),
    v.rawCheck(({ dataset, addIssue }) => {
      const value: unknown = dataset.value;
      if (typeof value !== "object" || value === null) return;
      for (const [key, item] of Object.entries(value)) {
        if (known.includes(key)) continue;
        addIssue({
          message: explainKey(key, known, rules),
          path: [keyItem(key, item)],
        });
      }
    }),
  );
}

/** One key of an issue's path. Only the key is read; the input stays out, it may be large. */
export function keyItem(key: string | number, value: unknown): v.IssuePathItem {
  return { type: "unknown", origin: "key", input: undefined, key, value };
}

/** The path of an issue below what a schema reads by itself; none for the whole of it. */
export function issuePath(
  at: readonly (string | number)[],
): { path?: [v.IssuePathItem, ...v.IssuePathItem[]] } {
  const [first, ...rest] = at.map((key) => keyItem(key, undefined));
  return first === undefined ? {} : { path: [first, ...rest] };
}

function dropNulls(value: Record<string, unknown>, kept: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(value).filter(([key, item]) => item !== null || kept.includes(key)),
  );
}

/** Spelling mistakes from older versions get the right spelling (F-21 to F-23, 2.1.3). */
function explainKey(key: string, known: readonly string[], rules: KeyRules): string {
  if (rules.unsupported?.includes(key) === true) {
    return complain(unsupported(key), `remove ${key}`);
  }
  const hint = own({ ...COMMON_HINTS, ...rules.hints }, key);
  const snake = key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  const all = [...known, ...(rules.unsupported ?? []), ...(rules.readBefore ?? [])];
  const advice = hint ??
    (snake !== key && all.includes(snake) ? `use snake_case keys: ${key} -> ${snake}` : null);
  const message = rules.says?.(key.slice(0, 80)) ??
    `${rules.of} ${rules.phrase ?? "has invalid keys"}: ${key.slice(0, 80)}`;
  return advice === null
    ? complain(message, adviseOnKey(key, known) ?? `keys of ${rules.of}: ${known.join(", ") || "none"}`)
    : complain(`${message} (${advice})`);
}

const COMMON_HINTS: Readonly<Record<string, string>> = {
  precondition: "use preconditions",
  dir: "use working_dir",
  executor: "use action plus with",
  artifactDir: "use artifacts.dir",
  enableArtifact: "use artifacts.enabled",
  forwardHeaders: "use webhook.forward_headers",
};

/** Whether a value of a field waits for a reference, so that it can only be checked at run time. */
export function hasReference(value: string): boolean {
  return value.includes("$");
}
