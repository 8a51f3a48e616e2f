/** The operator's keys (SC-03): which seals how much, and moving everything to the first. No key is ever told. */
import { Hono } from "hono";
import * as v from "valibot";
import { Uuid } from "../../../run/ids.ts";
import type { ServerPorts } from "../../ports.ts";
import { keyUses, rewrapSome } from "../../secrets/rotation.ts";
import type { ServerSettings } from "../../settings.ts";
import { valid } from "../answer.ts";
import type { GuardVariables } from "../guard.ts";

const RewrapBody = v.object({
  /** `next` of the answer before; null: from the beginning. */
  after: v.optional(
    v.nullable(v.object({
      kind: v.picklist(["secret", "webhook", "endpoint", "previous"]),
      id: Uuid,
      version: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(2_147_483_647)),
    })),
    null,
  ),
});

/** Mounted at `/api/v1/encryption-keys`. */
export function keyRoutes(
  ports: ServerPorts,
  settings: ServerSettings,
): Hono<{ Variables: GuardVariables }> {
  const app = new Hono<{ Variables: GuardVariables }>();
  app.get("/", async (c) => c.json({ keys: await keyUses(ports.db, settings) }));
  app.post("/rewrap", async (c) => {
    const { after } = await valid(RewrapBody, c);
    return c.json(await rewrapSome(ports, settings, after));
  });
  return app;
}
