/** A newer run takes the place of older ones of its group, as its trigger asks (QU-22). */
import type { ServerPorts } from "../ports.ts";
import type { ServerSettings } from "../settings.ts";
import { lockGroup, openOfGroup } from "../store/concurrency.ts";
import type { Transaction } from "../store/db.ts";
import { insertRun, lockRun, type NewRun, type RunRow, statusOf } from "../store/runs.ts";
import { confirmMs, type Stop, type Stopped, stopWithAwaited } from "./cancel.ts";

export interface Admitted {
  /** Runs whose place it takes. */
  readonly replaced: readonly Stopped[];
}

/** Stores the run, and stops those whose place it takes in the same transaction; null: its id is taken. */
export async function admitRun(
  tx: Transaction,
  ports: Pick<ServerPorts, "clock" | "ids">,
  settings: ServerSettings,
  run: NewRun,
  now: Date,
): Promise<Admitted | null> {
  const { name, concurrency } = run;
  // First, so that of two that come at once the later sees the earlier.
  if (concurrency !== null) await lockGroup(tx, name, concurrency.group);
  if (!await insertRun(tx, run, now)) return null;
  if (concurrency === null || concurrency.cancel === "none") return { replaced: [] };
  const by = `a newer run of the group "${concurrency.group}"`;
  const stop: Stop = { by, reason: "user", isForced: false, confirmMs: confirmMs(settings, false) };
  const replaced: Stopped[] = [];
  for (const id of await openOfGroup(tx, name, concurrency.group)) {
    if (id === run.id) continue;
    const older = await lockRun(tx, id);
    if (older === null || concurrency.cancel === "queued" && hasBegun(older)) continue;
    replaced.push(...await stopWithAwaited(tx, ports, id, stop) ?? []);
  }
  return { replaced };
}

/** One that waits for its next attempt, or for a person in the middle, has. */
function hasBegun({ status, attempt }: Pick<RunRow, "status" | "attempt">): boolean {
  return attempt > 0 || statusOf(status) === "running";
}
