/** Keeps strangers from filling the database with what was refused. */
import type { ServerPorts } from "../ports.ts";
import { PRUNED_AT_ONCE, pruneRefused } from "../store/deliveries.ts";

const REFUSALS_KEPT = 1_000;
/** A tick comes every minute at the latest, so this outruns 800 refusals a second; what is left waits for the next one. */
const ROUNDS = 50;

export async function sweepDeliveries(ports: ServerPorts): Promise<void> {
  let gone = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const count = await pruneRefused(ports.db, REFUSALS_KEPT);
    gone += count;
    if (count < PRUNED_AT_ONCE) break;
  }
  if (gone > 0) ports.log.warn("older refused deliveries removed", { count: gone });
}
