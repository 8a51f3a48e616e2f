/** A run's state as it changes: `run` events with the details of AP-54, the last one when it is final. */
import { isFinal } from "../../../run/status.ts";
import { Hono } from "hono";
import type { ServerPorts } from "../../ports.ts";
import { getRunById, type RunRow, statusOf } from "../../store/runs.ts";
import type { GuardVariables } from "../guard.ts";
import { findRun, newDetailsReader } from "../runs-read.ts";
import { newPace } from "../pace.ts";
import { sse } from "../sse.ts";

export function liveRoutes(ports: ServerPorts): Hono<{ Variables: GuardVariables }> {
  const app = new Hono<{ Variables: GuardVariables }>();

  app.get("/:name/:dagRunId/stream", async (c) => {
    const run = await findRun(ports, c.req.param("name"), c.req.param("dagRunId"));
    const details = newDetailsReader(ports);
    return sse(c.req.raw.signal, ports, async (writer, signal) => {
      const pace = newPace(ports.clock);
      let version = -1;
      for (
        let row: RunRow | null = run;
        row !== null && !signal.aborted;
        row = await getRunById(ports.db, run.id)
      ) {
        const status = statusOf(row.status);
        const waitMs = pace.waitMs(row.version !== version, status);
        if (waitMs > 0) {
          await ports.wake.wait([`run:${run.id}`], waitMs, signal);
          continue;
        }
        version = row.version;
        const shown = row;
        const data = await pace.show(async () => JSON.stringify(await details(shown)));
        await writer.send("run", data, String(version));
        if (isFinal(status)) return;
      }
    });
  });

  return app;
}
