/** Management of a workflow's webhook (1.7). Token and secret appear once, in the answer that made them. */
import { Hono } from "hono";
import * as v from "valibot";
import {
  configureHmac,
  createWebhook,
  disableHmac,
  enableHmac,
  findWebhook,
  regenerateToken,
  toggleWebhook,
} from "../../access/webhooks.ts";
import type { ServerPorts } from "../../ports.ts";
import type { ServerSettings } from "../../settings.ts";
import { deleteWebhook, listWebhooks, type WebhookRow } from "../../store/endpoints.ts";
import { refused, unwrap, valid } from "../answer.ts";
import type { GuardVariables } from "../guard.ts";

const ToggleBody = v.object({ enabled: v.boolean() });
const HmacBody = v.object({
  authMode: v.picklist(["token_and_hmac", "hmac_only"]),
  enforcementMode: v.optional(v.picklist(["strict", "observe"]), "strict"),
});

/** Mounted at `/api/v1`. */
export function webhookRoutes(
  ports: ServerPorts,
  settings: ServerSettings,
): Hono<{ Variables: GuardVariables }> {
  const app = new Hono<{ Variables: GuardVariables }>();
  const path = "/dags/:fileName/webhook";

  app.get("/webhooks", async (c) => c.json({ webhooks: (await listWebhooks(ports.db)).map(toDetails) }));
  app.get(
    path,
    async (c) => c.json(toDetails(unwrap(await findWebhook(ports, c.req.param("fileName"))).webhook)),
  );
  app.post(path, async (c) => {
    const { webhook, token } = unwrap(await createWebhook(ports, c.req.param("fileName")));
    return c.json({ webhook: toDetails(webhook), token }, 201);
  });
  app.delete(path, async (c) => {
    if (!await deleteWebhook(ports.db, c.req.param("fileName"))) {
      throw refused("not_found", "the workflow has no webhook");
    }
    return c.body(null, 204);
  });
  app.post(`${path}/regenerate`, async (c) => {
    const { webhook, token } = unwrap(await regenerateToken(ports, c.req.param("fileName")));
    return c.json({ webhook: toDetails(webhook), token });
  });
  app.post(`${path}/toggle`, async (c) => {
    const { enabled } = await valid(ToggleBody, c);
    return c.json(toDetails(unwrap(await toggleWebhook(ports, c.req.param("fileName"), enabled)).webhook));
  });
  app.post(`${path}/hmac/enable`, async (c) => {
    const choice = await valid(HmacBody, c);
    const { webhook, hmacSecret } = unwrap(
      await enableHmac(ports, settings, c.req.param("fileName"), choice),
    );
    return c.json({ webhook: toDetails(webhook), hmacSecret });
  });
  app.post(`${path}/hmac/configure`, async (c) => {
    const choice = await valid(HmacBody, c);
    return c.json(toDetails(unwrap(await configureHmac(ports, c.req.param("fileName"), choice)).webhook));
  });
  app.post(`${path}/hmac/regenerate`, async (c) => {
    const { webhook } = unwrap(await findWebhook(ports, c.req.param("fileName")));
    if (webhook.authMode === "token_only") throw refused("bad_request", "HMAC is not enabled");
    const choice = { authMode: webhook.authMode, enforcementMode: webhook.enforcementMode };
    const made = unwrap(await enableHmac(ports, settings, webhook.fileName, choice));
    return c.json({ webhook: toDetails(made.webhook), hmacSecret: made.hmacSecret });
  });
  app.post(
    `${path}/hmac/disable`,
    async (c) => c.json(toDetails(unwrap(await disableHmac(ports, c.req.param("fileName"))).webhook)),
  );
  return app;
}

function toDetails(webhook: WebhookRow): Record<string, unknown> {
  const hasHmac = webhook.authMode !== "token_only";
  return {
    id: webhook.id,
    dagName: webhook.fileName,
    tokenPrefix: webhook.tokenPrefix,
    enabled: webhook.enabled,
    authMode: webhook.authMode,
    hmac: {
      enabled: hasHmac,
      secretConfigured: webhook.hmacSecret !== null,
      ...(hasHmac
        ? {
          enforcementMode: webhook.enforcementMode,
          algorithm: "HMAC-SHA256",
          headerName: "X-Dagu-Signature",
          format: "sha256=<hex>",
          updatedAt: webhook.hmacUpdatedAt?.toISOString() ?? "",
        }
        : {}),
    },
    profileSelection: { allowedProfiles: [] },
    createdAt: webhook.createdAt.toISOString(),
    updatedAt: webhook.updatedAt.toISOString(),
    ...(webhook.lastUsedAt === null ? {} : { lastUsedAt: webhook.lastUsedAt.toISOString() }),
  };
}
