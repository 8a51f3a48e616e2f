/** Webhooks of anyone and of forges: bytes in under a cap, one call, its answer out. */
import { type Context, Hono } from "hono";
import type { ServerPorts } from "../ports.ts";
import type { ServerSettings } from "../settings.ts";
import type { Incoming, Intake } from "../triggers/incoming.ts";
import { takeGithub } from "../triggers/intake.ts";
import { takeWebhook } from "../triggers/webhook.ts";
import { readBody } from "./body.ts";
import { newRateLimit, retryAfter } from "./rate-limit.ts";

/** Mounted at the root; these paths have credentials of their own. */
export function hookRoutes(ports: ServerPorts, settings: ServerSettings): Hono {
  const app = new Hono();
  const failures = newRateLimit(ports.clock, settings.limits.failures);
  const deliveries = newRateLimit(ports.clock, settings.limits.webhook);

  // Who guesses is not listened to for a while. An address is known only behind a proxy that tells it.
  app.use(async (c, next) => {
    const source = sourceOf(c);
    const waitMs = source === null ? 0 : failures.look(source);
    if (waitMs > 0) return tooMany(waitMs);
    await next();
    if (source !== null && c.res.status === 401) failures.take(source);
  });

  app.post(
    "/api/v1/webhooks/:fileName",
    async (c) =>
      answer(
        await takeWebhook(
          ports,
          settings,
          c.req.param("fileName"),
          await read(c, settings.webhookMaxPayloadBytes),
          deliveries.take,
        ),
      ),
  );

  app.post(
    "/hooks/v1/github/:endpoint",
    async (c) =>
      answer(
        await takeGithub(
          ports,
          settings,
          c.req.param("endpoint"),
          await read(c, settings.forgeMaxPayloadBytes),
        ),
      ),
  );

  return app;
}

async function read(c: Context, maxBytes: number): Promise<Incoming> {
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
    sourceIp: sourceOf(c),
  };
}

function sourceOf(c: Context): string | null {
  return c.req.header("X-Forwarded-For")?.split(",")[0]?.trim() ?? null;
}

function tooMany(waitMs: number): Response {
  const message = "too many deliveries; try again later";
  return Response.json({ code: "rate_limited", message }, { status: 429, headers: retryAfter(waitMs) });
}

function answer(intake: Intake): Response {
  const headers = intake.retryAfterMs === undefined ? {} : retryAfter(intake.retryAfterMs);
  return Response.json(intake.body, { status: intake.status, headers });
}
