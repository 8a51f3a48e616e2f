/** Deleting what cannot be brought back: the question before it, and the work itself. */
import * as v from "valibot";
import type { Api } from "../api-client.ts";
import { UserError, writeErr, writeOut } from "../command.ts";

/** Returns when the person says yes; `flag` is what answers for them. Throws `UserError` otherwise. */
export async function confirm(question: string, flag: string): Promise<void> {
  if (!Deno.stdin.isTerminal()) {
    throw new UserError(`nothing was deleted: give ${flag} to delete without a question`);
  }
  writeErr(`${question} [y/N]`);
  const answer = new Uint8Array(64);
  const length = await Deno.stdin.read(answer) ?? 0;
  const word = new TextDecoder().decode(answer.subarray(0, length)).trim();
  if (!/^y(es)?$/i.test(word)) throw new UserError("nothing was deleted");
}

const Removed = v.object({ dagRunIds: v.array(v.string()), after: v.nullable(v.string()) });

export interface HistoryRemoval {
  readonly name: string;
  /** Runs that ended earlier; null: all that ended. */
  readonly before: Date | null;
  readonly isDryRun: boolean;
  readonly isQuiet: boolean;
}

/** Each run on a line of stdout, their number on stderr. */
export async function removeHistory(api: Api, removal: HistoryRemoval): Promise<void> {
  const { name, before, isDryRun, isQuiet } = removal;
  let count = 0;
  let after: string | null = null;
  do {
    const answer: unknown = await api.post(`/dag-runs/${encodeURIComponent(name)}/cleanup`, {
      dryRun: isDryRun,
      ...(before === null ? {} : { before: before.toISOString() }),
      ...(after === null ? {} : { after }),
    });
    const page = v.parse(Removed, answer);
    if (!isQuiet) { for (const id of page.dagRunIds) writeOut(`${name}:${id}`); }
    count += page.dagRunIds.length;
    after = page.after;
  } while (after !== null);
  if (isQuiet) return;
  const runs = count === 1 ? "1 run" : `${count} runs`;
  writeErr(isDryRun ? `${runs} of ${name} would be deleted` : `deleted ${runs} of ${name}`);
}
