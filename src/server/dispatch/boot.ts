/** Which process speaks for a runner: the newest, and no older one whose messages come late (5.11, `Dagu-Boot`). */
import type { Boot } from "../../protocol/boot.ts";
import type { ServerPorts } from "../ports.ts";
import { getRunner, type RunnerRow, setBoot } from "../store/runners.ts";

/** null: it may speak; else the number of the process that does. */
export async function newerThan(ports: ServerPorts, runner: RunnerRow, boot: Boot): Promise<number | null> {
  if (boot.number > runner.boot && await setBoot(ports.db, runner.id, boot)) return null;
  // It may have been said since the row was read.
  const current = boot.number >= runner.boot && runner.bootId !== boot.id
    ? await getRunner(ports.db, runner.id)
    : runner;
  if (current === null || (current.boot === boot.number && current.bootId === boot.id)) return null;
  return current.boot;
}
