/** Settings and ports -> one Hono app: the only file that knows every room of the control plane. */
import { Hono } from "hono";
import { secureHeaders } from "hono/secure-headers";
import { getPath } from "hono/utils/url";
import { RUNNER_BASE_PATH } from "../protocol/messages.ts";
import { languageSchema } from "../workflow/language-schema.ts";
import { accessRoutes } from "./http/api/access.ts";
import { artifactRoutes } from "./http/api/artifacts.ts";
import { dagRunRoutes } from "./http/api/dag-runs.ts";
import { dagRoutes } from "./http/api/dags.ts";
import { endpointRoutes } from "./http/api/endpoints.ts";
import { liveRoutes } from "./http/api/live.ts";
import { metricsRoutes } from "./http/api/metrics.ts";
import { peopleRoutes } from "./http/api/people.ts";
import { logRoutes } from "./http/api/logs.ts";
import { queueRoutes } from "./http/api/queues.ts";
import { keyRoutes } from "./http/api/keys.ts";
import { profileRoutes } from "./http/api/profiles.ts";
import { subRunRoutes } from "./http/api/sub-runs.ts";
import { secretRoutes } from "./http/api/secrets.ts";
import { webhookRoutes } from "./http/api/webhooks.ts";
import { limitCalls } from "./http/api-limit.ts";
import { refuseOtherMethods } from "./http/allowed.ts";
import { answerError } from "./http/answer.ts";
import { guard, type GuardVariables } from "./http/guard.ts";
import { healthRoutes } from "./http/health.ts";
import { hookRoutes } from "./http/hooks.ts";
import { runnerRoutes } from "./http/runners.ts";
import { tickRoutes } from "./http/ticks.ts";
import { belowBasePath, ownPath } from "./pages/base-path.ts";
import { pageRoutes } from "./pages/routes.tsx";
import type { ServerPorts } from "./ports.ts";
import type { ServerSettings } from "./settings.ts";

export function createApp(ports: ServerPorts, settings: ServerSettings): Hono {
  const app = new Hono({ getPath: (request) => ownPath(getPath(request), settings.basePath) });
  app.onError((error) => answerError(ports, error));
  app.notFound((c) =>
    c.json({ code: "not_found", message: `there is nothing at ${c.req.method} ${c.req.path}` }, 404)
  );
  app.use(async (c, next) => {
    const problem = problemOfAddress(c.req.url);
    if (problem !== null) return c.json({ code: "bad_request", message: `the address ${problem}` }, 400);
    await next();
    c.res.headers.set("X-Request-Id", ports.ids.uuid());
    c.res.headers.set("X-Content-Type-Options", "nosniff");
  });
  app.use(refuseOtherMethods(app));

  // Paths with credentials of their own.
  app.route(RUNNER_BASE_PATH, runnerRoutes(ports, settings));
  app.route("/", hookRoutes(ports, settings));
  app.route("/", healthRoutes(ports, settings));
  app.route("/internal", tickRoutes(ports, settings));

  app.get("/api/v1/schemas/dag", (c) => {
    c.header("Cache-Control", "public, max-age=3600");
    return c.json(languageSchema());
  });
  app.route("/api/v1", apiRoutes(ports, settings, (request, env) => app.fetch(request, env)));

  app.use(belowBasePath(settings.basePath));
  app.use(secureHeaders({
    contentSecurityPolicy: {
      defaultSrc: ["'none'"],
      styleSrc: ["'self'"],
      scriptSrc: ["'self'"],
      connectSrc: ["'self'"],
      imgSrc: ["'self'", "data:"],
      formAction: ["'self'"],
      frameAncestors: ["'none'"],
      baseUri: ["'none'"],
    },
    referrerPolicy: "same-origin",
    xFrameOptions: "DENY",
  }));
  app.route("/", pageRoutes(ports, settings));
  return app;
}

/** Null: it can be looked for. */
function problemOfAddress(url: string): string | null {
  // Postgres has no NUL in texts, and no name of ours holds one.
  if (/%00/.test(url)) return "holds a NUL character";
  try {
    decodeURIComponent(new URL(url).pathname);
    return null;
  } catch {
    return "is not percent-encoded UTF-8";
  }
}

function apiRoutes(
  ports: ServerPorts,
  settings: ServerSettings,
  ask: Parameters<typeof subRunRoutes>[1],
): Hono<{ Variables: GuardVariables }> {
  const api = new Hono<{ Variables: GuardVariables }>();
  api.use(
    guard(
      ports,
      settings,
      (c, why) =>
        why === "origin"
          ? c.json({ code: "forbidden", message: "the request came from another site" }, 403)
          : c.json({ code: "unauthorized", message: "credentials are missing, wrong or expired" }, 401, {
            "WWW-Authenticate": 'Bearer realm="restricted"',
          }),
    ),
  );
  api.use(limitCalls(ports, settings));
  api.route("/", profileRoutes());
  api.route("/dags", dagRoutes(ports));
  api.route("/dag-runs", subRunRoutes(ports, ask));
  api.route("/dag-runs", logRoutes(ports));
  api.route("/dag-runs", artifactRoutes(ports));
  api.route("/dag-runs", liveRoutes(ports));
  api.route("/dag-runs", peopleRoutes(ports));
  api.route("/dag-runs", dagRunRoutes(ports, settings));
  api.route("/queues", queueRoutes(ports));
  api.route("/secrets", secretRoutes(ports, settings));
  api.route("/encryption-keys", keyRoutes(ports, settings));
  api.route("/", metricsRoutes(ports, settings));
  api.route("/", webhookRoutes(ports, settings));
  api.route("/", endpointRoutes(ports, settings));
  api.route("/", accessRoutes(ports, settings));
  return api;
}
