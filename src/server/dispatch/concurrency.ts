/** A newer run takes the place of older ones of its group, as its trigger asks (QU-22). */
import type { ServerPorts } from "../ports.ts";
import type { ServerSettings } from "../settings.ts";
import { lockGroup, lockOpenOfGroup } from "../store/concurrency.ts";
import type { Transaction } from "../store/db.ts";
import { insertRun, type NewRun, type RunRow, statusOf } from "../store/runs.ts";
import { confirmMs, type Stop, type Stopped, stopWithAwaited } from "./cancel.ts";

/**
 * Stores the run, and stops those whose place it takes in the same transaction. Answers what was stopped; null: the run's id is
 * taken.
 */
export async function admitRun(
  tx: Transaction,
  ports: Pick<ServerPorts, "clock" | "ids">,
  settings: ServerSettings,
  run: NewRun,
  now: Date,
): Promise<readonly Stopped[] | null> {
  const { name, concurrency } = run;
  // First, so that of two that come at once the later sees the earlier.
  if (concurrency !== null) await lockGroup(tx, name, concurrency.group);
  if (!await insertRun(tx, run, now)) return null;
  if (concurrency === null || concurrency.cancel === "none") return [];
  const by = `a newer run of the group "${concurrency.group}"`;
  const stop: Stop = { by, reason: "user", isForced: false, confirmMs: confirmMs(settings, false) };
  const replaced: Stopped[] = [];
  for (const older of await lockOpenOfGroup(tx, run.id, name, concurrency.group)) {
    if (concurrency.cancel === "queued" && hasBegun(older)) continue;
    replaced.push(...await stopWithAwaited(tx, ports, older.id, stop) ?? []);
  }
  return replaced;
}

/** One that waits for its next attempt, or for a person in the middle, has. */
function hasBegun({ status, attempt }: Pick<RunRow, "status" | "attempt">): boolean {
  return attempt > 0 || statusOf(status) === "running";
}
