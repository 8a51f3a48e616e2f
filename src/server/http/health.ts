/** Is it there, and can it work (10.4). Public, and says nothing that a stranger could use. */
import { Hono } from "hono";
import { missingKeys } from "../secrets/rotation.ts";
import type { ServerPorts } from "../ports.ts";
import type { ServerSettings } from "../settings.ts";
import { canAnswer } from "../store/query.ts";

export function healthRoutes(ports: ServerPorts, settings: ServerSettings): Hono {
  const app = new Hono();
  app.get("/livez", (c) => c.json({ status: "ok" }));
  app.get(
    "/readyz",
    async (c) =>
      await canAnswer(ports.db) && (await missingKeys(ports.db, settings)).length === 0
        ? c.json({ status: "ok" })
        : c.json({ status: "unavailable" }, 503),
  );
  app.get("/api/v1/health", async (c) => {
    const isGood = await canAnswer(ports.db);
    const body = {
      status: isGood ? "healthy" : "unhealthy",
      version: settings.version,
      timestamp: new Date(ports.clock.now()).toISOString(),
    };
    return c.json(body, isGood ? 200 : 503);
  });
  return app;
}
