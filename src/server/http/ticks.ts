/** Periodic work by HTTP, for hosts without timers or cron (ED-05). */
import { Hono } from "hono";
import type { ServerPorts } from "../ports.ts";
import { bearerOf, isEqualConstantTime } from "../secrets/token.ts";
import type { ServerSettings } from "../settings.ts";
import { isJobName, JOBS } from "../tick/tick.ts";

/** Mounted at `/internal`; without a token these paths do not exist. */
export function tickRoutes(ports: ServerPorts, settings: ServerSettings): Hono {
  const app = new Hono();
  const { internalToken } = settings;
  if (internalToken === null) return app;
  const utf8 = new TextEncoder();
  app.post("/tick/:job", async (c) => {
    const given = bearerOf(c.req.header("Authorization"));
    if (given === null || !isEqualConstantTime(utf8.encode(given), utf8.encode(internalToken))) {
      return c.json({ code: "unauthorized", message: "the internal token is missing or wrong" }, 401);
    }
    const job = c.req.param("job");
    if (!isJobName(job)) return c.json({ code: "not_found", message: `there is no job "${job}"` }, 404);
    await JOBS[job](ports, settings);
    return c.json({ job, status: "done" });
  });
  return app;
}
