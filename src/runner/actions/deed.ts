/** What the named actions share: how they print, and how a mistake of theirs becomes an outcome. */
import { failed, succeeded } from "../../run/outcome.ts";
import type { Outcome } from "../../run/ports.ts";
import type { NamedAction, With } from "../../workflow/actions/names.ts";
import type { Work } from "./work.ts";

/** What an action does with its checked `with`. May throw `ActionError`; anything else it throws is told as it is. */
export type Deed<N extends NamedAction> = (given: With<N>, work: Work) => Promise<Outcome>;

/** A failure of an action in words for its author. */
export class ActionError extends Error {
  constructor(message: string, readonly remedy: string = "") {
    super(message);
  }
}

export async function runDeed<N extends NamedAction>(
  name: N,
  given: With<N>,
  work: Work,
  load: () => Promise<Deed<N>>,
): Promise<Outcome> {
  try {
    const deed = await load();
    return await deed(given, work);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return failed("ACTION_FAILED", `${name}: ${message}`, error instanceof ActionError ? error.remedy : "");
  }
}

const encoder = new TextEncoder();

export async function print(work: Work, text: string): Promise<void> {
  if (text !== "") await work.sink.write("stdout", encoder.encode(text));
}

/** The result of an action: one line of JSON, which `output`, `stdout.outputs` and others can read. */
export async function printResult(work: Work, result: Readonly<Record<string, unknown>>): Promise<Outcome> {
  await print(work, `${JSON.stringify(result)}\n`);
  return succeeded(null);
}
