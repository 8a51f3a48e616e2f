/** Is it there, and can it work (10.4). Public, and says nothing that a stranger could use. */
import { Hono } from "hono";
import { sql } from "drizzle-orm";
import type { ServerPorts } from "../ports.ts";
import type { ServerSettings } from "../settings.ts";
import { query } from "../store/query.ts";

export function healthRoutes(ports: ServerPorts, settings: ServerSettings): Hono {
  const app = new Hono();
  app.get("/livez", (c) => c.json({ status: "ok" }));
  app.get(
    "/readyz",
    async (c) => await canQuery(ports) ? c.json({ status: "ok" }) : c.json({ status: "unavailable" }, 503),
  );
  app.get("/api/v1/health", async (c) => {
    const isGood = await canQuery(ports);
    const body = {
      status: isGood ? "healthy" : "unhealthy",
      version: settings.version,
      timestamp: new Date(ports.clock.now()).toISOString(),
    };
    return c.json(body, isGood ? 200 : 503);
  });
  return app;
}

async function canQuery(ports: ServerPorts): Promise<boolean> {
  try {
    await query(ports.db, sql`select 1 as one`);
    return true;
  } catch {
    return false;
  }
}
