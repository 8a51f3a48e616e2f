/** Deleting the history of a workflow (4.15): one run, or those that ended before a time. Active runs stay. */
import type { ServerPorts } from "../ports.ts";
import { deleteRun, listRemovable } from "../store/run-removal.ts";
import { getRun, statusOf } from "../store/runs.ts";
import { type Refusal, refuse } from "./refusal.ts";

/** What one call removes at most: the caller asks again for more. */
const BATCH = 200;

export interface RemoveRequest {
  readonly name: string;
  readonly before: Date | null;
  /** Where the last call left off. */
  readonly after: string | null;
  /** Only runs that were made before this one. */
  readonly until?: string;
  readonly isDryRun: boolean;
}

export interface Removed {
  readonly dagRunIds: readonly string[];
  /** For the next call; null: that was all. */
  readonly after: string | null;
}

export async function removeRuns(ports: ServerPorts, request: RemoveRequest): Promise<Removed> {
  const found = await listRemovable(ports.db, { ...request, limit: BATCH });
  const dagRunIds: string[] = [];
  for (const run of found) {
    const isGone = request.isDryRun || await ports.db.transaction((tx) => deleteRun(tx, run.id));
    if (isGone) dagRunIds.push(run.dagRunId);
  }
  return { dagRunIds, after: found.length < BATCH ? null : found.at(-1)?.id ?? null };
}

export async function removeRun(
  ports: ServerPorts,
  name: string,
  dagRunId: string,
): Promise<{ ok: true } | Refusal> {
  if (dagRunId === "latest") return refuse("bad_request", "a run is deleted by its id, not as latest");
  const run = await getRun(ports.db, name, dagRunId);
  if (run === null) return refuse("not_found", `there is no run ${name}:${dagRunId}`);
  if (await ports.db.transaction((tx) => deleteRun(tx, run.id))) return { ok: true };
  return refuse(
    "bad_request",
    `run ${name}:${dagRunId} is ${
      statusOf(run.status)
    }; it, or a run that it started, is active: stop it first`,
  );
}
