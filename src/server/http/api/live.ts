/** A run's state as it changes: `run` events with the details of AP-54, the last one when it is final. */
import { isFinal } from "../../../run/status.ts";
import { Hono } from "hono";
import type { ServerPorts } from "../../ports.ts";
import { getRunById, type RunRow, statusOf } from "../../store/runs.ts";
import type { GuardVariables } from "../guard.ts";
import { findRun, newDetailsReader } from "../runs-read.ts";
import { sse } from "../sse.ts";

const POLL_MS = 1_000;
/** A run is read at most this often for one reader (SE-10). */
const PACE_MS = 25;

export function liveRoutes(ports: ServerPorts): Hono<{ Variables: GuardVariables }> {
  const app = new Hono<{ Variables: GuardVariables }>();

  app.get("/:name/:dagRunId/stream", async (c) => {
    const run = await findRun(ports, c.req.param("name"), c.req.param("dagRunId"));
    const details = newDetailsReader(ports);
    return sse(c.req.raw.signal, ports, async (writer, signal) => {
      let version = -1;
      for (
        let row: RunRow | null = run;
        row !== null && !signal.aborted;
        row = await getRunById(ports.db, run.id)
      ) {
        if (row.version !== version) {
          version = row.version;
          await writer.send("run", JSON.stringify(await details(row)), String(version));
          if (isFinal(statusOf(row.status))) return;
          await ports.clock.sleep(PACE_MS, signal);
          continue;
        }
        await ports.wake.wait([`run:${run.id}`], POLL_MS, signal);
      }
    });
  });

  return app;
}
