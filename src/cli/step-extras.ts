/** What of a run is not in the answer about it, but in the summary (C-10): the last lines of each log, and sub-runs. */
import * as v from "valibot";
import { type Api, nullIfMissing } from "./api-client.ts";
import { type Node, nodesOf, type RunDetails, runPath } from "./run-json.ts";
import type { StepExtras } from "./summary.ts";

export async function readExtras(api: Api, run: RunDetails): Promise<ReadonlyMap<string, StepExtras>> {
  const extras = new Map<string, StepExtras>();
  for (const node of nodesOf(run)) {
    extras.set(node.step.name, { logs: await readLogs(api, run, node), subRuns: node.subRuns ?? [] });
  }
  return extras;
}

const LogAnswer = v.object({ content: v.string(), hasMore: v.boolean(), totalLines: v.number() });
/** Of each stream (C-10). */
const LAST_LINES = 50;

async function readLogs(api: Api, run: RunDetails, node: Node): Promise<StepExtras["logs"]> {
  if (node.startedAt === "-" || node.startedAt === "") return [];
  return await Promise.all((["stdout", "stderr"] as const).map(async (stream) => {
    // Sizes are known at the end.
    if (node.finishedAt !== "-" && node.logSizes[stream] === 0) return { stream, lines: [] };
    const step = encodeURIComponent(node.step.name);
    const path = `${runPath(run)}/steps/${step}/log?stream=${stream}&tail=${LAST_LINES}`;
    const answer = await api.get(path).catch(nullIfMissing);
    if (answer === null) return { stream, lines: [] };
    const { content, totalLines } = v.parse(LogAnswer, answer);
    const lines = totalLines === 0 ? [] : content.split("\n");
    const left = totalLines - lines.length;
    return { stream, lines: left > 0 ? [`... ${left} lines before`, ...lines] : lines };
  }));
}
