/** Webhooks of anyone and of forges: bytes in under a cap, one call, its answer out. */
import { type Context, Hono } from "hono";
import { addressOf } from "../place.ts";
import type { ServerPorts } from "../ports.ts";
import type { ServerSettings } from "../settings.ts";
import type { Incoming, Intake } from "../triggers/incoming.ts";
import { endpointByPublicId } from "../store/endpoints.ts";
import { takeGithub } from "../triggers/intake.ts";
import { takeWebhook } from "../triggers/webhook.ts";
import { readBody } from "./body.ts";
import { newRateLimit, retryAfter } from "./rate-limit.ts";
import { type Connection, senderOf } from "./sender.ts";

interface HookEnv {
  Bindings: Connection;
}

/** Mounted at the root; these paths have credentials of their own. */
export function hookRoutes(ports: ServerPorts, settings: ServerSettings): Hono<HookEnv> {
  const app = new Hono<HookEnv>();
  const failures = newRateLimit(ports.clock, settings.limits.failures);
  const deliveries = newRateLimit(ports.clock, settings.limits.webhook);

  // Who guesses is not listened to for a while: here, since others of that address may have much else to ask.
  for (const path of ["/api/v1/webhooks/*", "/hooks/*"]) {
    app.use(path, async (c, next) => {
      const { counted } = senderOf(c, settings.trustedProxies);
      const waitMs = counted === null ? 0 : failures.look(counted);
      if (waitMs > 0) return tooMany(waitMs);
      await next();
      if (counted !== null && c.res.status === 401) failures.take(counted);
    });
  }

  app.post(
    "/api/v1/webhooks/:fileName",
    async (c) =>
      answer(
        await takeWebhook(
          ports,
          settings,
          c.req.param("fileName"),
          await read(c, settings, settings.webhookMaxPayloadBytes),
          deliveries.take,
        ),
      ),
  );

  app.post("/hooks/v1/github/:endpoint", async (c) => {
    const endpoint = await endpointByPublicId(ports.db, c.req.param("endpoint"));
    // A stranger does not know an endpoint's address, and has nothing to send that is as large as what a forge sends.
    const maxBytes = endpoint === null ? settings.webhookMaxPayloadBytes : settings.forgeMaxPayloadBytes;
    return answer(await takeGithub(ports, settings, endpoint, await read(c, settings, maxBytes)));
  });

  app.all("/hooks/*", (c) => {
    const message = "there is no such place for events: it is /hooks/v1/github/ENDPOINT, by POST";
    return c.json({ code: "not_found", message }, 404);
  });

  return app;
}

async function read(
  c: Context<HookEnv>,
  settings: ServerSettings,
  maxBytes: number,
): Promise<Incoming> {
  const body = await readBody(c.req.raw, maxBytes);
  const announced = Number(c.req.header("Content-Length") ?? 0);
  return {
    headers: c.req.raw.headers,
    body: body.ok ? body.bytes : null,
    bodyBytes: body.ok
      ? body.bytes.length
      : Number.isSafeInteger(announced)
      ? Math.min(announced, 2_147_483_647)
      : 0,
    maxBytes,
    sourceIp: senderOf(c, settings.trustedProxies).address,
    address: addressOf(settings, c.req.url),
  };
}

function tooMany(waitMs: number): Response {
  const message = "too many deliveries; try again later";
  return Response.json({ code: "rate_limited", message }, { status: 429, headers: retryAfter(waitMs) });
}

function answer(intake: Intake): Response {
  const headers = intake.retryAfterMs === undefined ? {} : retryAfter(intake.retryAfterMs);
  return Response.json(intake.body, { status: intake.status, headers });
}
