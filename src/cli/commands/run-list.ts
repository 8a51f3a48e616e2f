/** Lists of runs for the commands that show or delete several: read page by page, newest first. */
import * as v from "valibot";
import type { Api } from "../api-client.ts";
import { elapsed } from "../../run/elapsed.ts";

const Run = v.object({
  dagRunId: v.string(),
  name: v.string(),
  status: v.number(),
  statusLabel: v.string(),
  queuedAt: v.string(),
  startedAt: v.string(),
  finishedAt: v.string(),
  params: v.string(),
  labels: v.array(v.string()),
  triggerType: v.string(),
});
export type ListedRun = v.InferOutput<typeof Run>;

const Page = v.object({ dagRuns: v.array(Run), nextCursor: v.optional(v.string()) });

/** What one request may ask for (AP-50). */
const PAGE_MAX = 500;

export interface RunQuery {
  /** Of this workflow only; null: of all. */
  readonly name: string | null;
  readonly search: Readonly<Record<string, readonly string[]>>;
  readonly limit: number;
}

export async function listRuns(api: Api, { name, search, limit }: RunQuery): Promise<ListedRun[]> {
  const path = name === null ? "/dag-runs" : `/dag-runs/${encodeURIComponent(name)}`;
  const runs: ListedRun[] = [];
  let cursor: string | undefined;
  while (runs.length < limit) {
    const words = new URLSearchParams(
      Object.entries(search).flatMap(([key, values]) =>
        values.map((value): [string, string] => [key, value])
      ),
    );
    words.set("limit", String(Math.min(PAGE_MAX, limit - runs.length)));
    if (cursor !== undefined) words.set("cursor", cursor);
    const page = v.parse(Page, await api.get(`${path}?${words}`));
    runs.push(...page.dagRuns);
    cursor = page.nextCursor;
    if (cursor === undefined) break;
  }
  return runs;
}

/** `2026-04-02 08:30:00` in UTC; `-` while there is no time. */
export function timeText(time: string): string {
  return time === "" || time === "-" ? "-" : time.replace("T", " ").replace(/(\.\d+)?Z$/, "");
}

export function durationText(run: Pick<ListedRun, "startedAt" | "finishedAt">): string {
  return elapsed(run.startedAt, run.finishedAt) || "-";
}
