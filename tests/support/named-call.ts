/** Calls of named actions, as the run core makes them from a resolved `with`. */
import { readCall } from "../../src/workflow/named-action.ts";
import type { NamedAction, NamedCall } from "../../src/workflow/actions/names.ts";

export function namedCall(name: NamedAction, given: Readonly<Record<string, unknown>> = {}): NamedCall {
  const read = readCall(name, given);
  if (!read.ok) throw new Error(read.message);
  return read.call;
}

/** What an action printed as its result. */
export function resultOf(stdout: string): Readonly<Record<string, unknown>> {
  const result: unknown = JSON.parse(stdout);
  if (typeof result !== "object" || result === null) throw new Error(`no result: ${stdout}`);
  return { ...result };
}
