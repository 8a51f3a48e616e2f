/** What a workflow keeps of its runs: looked at whenever one of them ends. */
import { uuidV7 } from "../../run/ids.ts";
import type { ServerPorts } from "../ports.ts";
import { describeError } from "../store/failure.ts";
import { oldestKept } from "../store/run-removal.ts";
import type { RunRow } from "../store/runs.ts";
import { removeRuns } from "./remove.ts";

const DAY_MS = 86_400_000;

type Rule = Pick<RunRow, "name" | "keepDays" | "keepRuns">;

/** Never throws: what stays is looked at again when the next run ends. */
export async function trimHistory(ports: ServerPorts, rule: Rule): Promise<void> {
  try {
    const bound = await boundOf(ports, rule);
    if (bound === null) return;
    let after: string | null = null;
    do {
      ({ after } = await removeRuns(ports, { name: rule.name, ...bound, after, isDryRun: false }));
    } while (after !== null);
  } catch (error) {
    ports.log.error("old runs were not deleted", { workflow: rule.name, error: describeError(error) });
  }
}

/** Which runs are too many, or too old; null: none is. */
async function boundOf(
  ports: ServerPorts,
  { name, keepDays, keepRuns }: Rule,
): Promise<{ readonly before: Date | null; readonly until: string } | null> {
  if (keepRuns !== null) {
    const until = await oldestKept(ports.db, name, keepRuns);
    return until === null ? null : { before: null, until };
  }
  if (keepDays === null) return null;
  const before = ports.clock.now() - keepDays * DAY_MS;
  // What ended before then was made before then: ids say when, and lead to the few rows of which that is true.
  return { before: new Date(before), until: uuidV7(before, new Uint8Array(10)) };
}
