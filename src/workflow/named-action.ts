/** Named actions of a step: is there one of that name, and is its `with` what it takes? */
import * as v from "valibot";
import { NAMED_ACTIONS, type NamedAction, type NamedCall } from "./actions/names.ts";
import type { Findings } from "./assemble.ts";
import type { Path } from "./document.ts";
import { isMapping } from "./json.ts";
import { readComplaint } from "./schema/fields.ts";

const WHOLE_REFERENCE = /^\s*\$\{[^{}]*\}\s*$/;

/** What can be told before references are resolved: a text with a reference in it may become anything (A-02, A-03). */
export function checkWith(
  name: NamedAction,
  given: Readonly<Record<string, unknown>>,
  path: Path,
  findings: Findings,
): void {
  const { with: schema, literal, references } = NAMED_ACTIONS[name];
  for (const key of references) {
    const value = given[key];
    if (typeof value !== "string" || WHOLE_REFERENCE.test(value)) continue;
    findings.report([...path, key], `${key} must be one whole reference`, "write it as ${params.NAME}");
  }
  const parsed = v.safeParse(schema, given);
  if (parsed.success) return;
  const issues: v.BaseIssue<unknown>[] = parsed.issues.filter((issue) => {
    const keys = keysOf(issue);
    const value = valueAt(given, keys);
    return typeof value !== "string" || !value.includes("$") || literal.includes(String(keys[0]));
  });
  findings.fromIssues(path, issues);
}

export type ReadCall =
  | { readonly ok: true; readonly call: NamedCall }
  | { readonly ok: false; readonly message: string; readonly remedy: string };

/** The call of a resolved `with`. */
export function readCall(name: NamedAction, resolved: Readonly<Record<string, unknown>>): ReadCall {
  const parsed = v.safeParse(NAMED_ACTIONS[name].with, resolved);
  if (!parsed.success) {
    const issue = parsed.issues[0];
    const { message, remedy } = readComplaint(issue.message);
    const at = keysOf(issue).join(".");
    return { ok: false, message: `with${at === "" ? "" : `.${at}`}: ${message}`, remedy };
  }
  // The schema was looked up by the name, so that the two belong together.
  return { ok: true, call: { name, with: parsed.output } as NamedCall };
}

function keysOf(issue: v.BaseIssue<unknown>): (string | number)[] {
  return (issue.path ?? []).flatMap((item) =>
    typeof item.key === "string" || typeof item.key === "number" ? [item.key] : []
  );
}

function valueAt(value: unknown, keys: readonly (string | number)[]): unknown {
  let at = value;
  for (const key of keys) {
    if (Array.isArray(at) && typeof key === "number") at = at[key];
    else if (isMapping(at)) at = at[String(key)];
    else return undefined;
  }
  return at;
}
