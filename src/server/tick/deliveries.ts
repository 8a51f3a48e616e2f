/** Keeps strangers from filling the database with what was refused. */
import type { ServerPorts } from "../ports.ts";
import { pruneRefused } from "../store/deliveries.ts";

const REFUSALS_KEPT = 1_000;

export async function sweepDeliveries(ports: ServerPorts): Promise<void> {
  const gone = await pruneRefused(ports.db, REFUSALS_KEPT);
  if (gone > 0) ports.log.warn("older refused deliveries removed", { count: gone });
}
