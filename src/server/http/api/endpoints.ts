/** Forge endpoints and the deliveries that came in at them. */
import { Hono } from "hono";
import * as v from "valibot";
import {
  connectEndpoint,
  createEndpoint,
  disconnectEndpoint,
  rotateEndpoint,
} from "../../access/webhooks.ts";
import { addressOf } from "../../place.ts";
import type { ServerPorts } from "../../ports.ts";
import type { ServerSettings } from "../../settings.ts";
import { type DeliveryRow, getDelivery, listDeliveries } from "../../store/deliveries.ts";
import { deleteEndpoint, type EndpointRow, listEndpoints } from "../../store/endpoints.ts";
import { refused, unwrap, valid } from "../answer.ts";
import type { GuardVariables } from "../guard.ts";
import { naturalOf } from "./dag-runs.ts";

const CreateBody = v.object({
  name: v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "must be a slug of a-z, 0-9 and -")),
  kind: v.picklist(["github"]),
  repos: v.optional(v.array(v.string()), []),
  forkPolicy: v.optional(v.picklist(["approval", "ignore", "run-untrusted"]), "approval"),
  secret: v.optional(v.pipe(v.string(), v.minLength(16), v.maxLength(200))),
});

/** What a header can carry. */
const TOKEN = /^[\x21-\x7e]{1,1000}$/;
const ConnectBody = v.object({
  token: v.pipe(v.string(), v.regex(TOKEN, "must be a token: printable characters without spaces")),
  context: v.optional(
    v.pipe(v.string(), v.regex(/^[\x20-\x7e]{0,200}$/, "must have at most 200 printable characters")),
    "",
  ),
});

/** Mounted at `/api/v1`. */
export function endpointRoutes(
  ports: ServerPorts,
  settings: ServerSettings,
): Hono<{ Variables: GuardVariables }> {
  const app = new Hono<{ Variables: GuardVariables }>();

  app.get(
    "/endpoints",
    async (c) =>
      c.json({
        endpoints: (await listEndpoints(ports.db)).map((row) =>
          toEndpoint(row, addressOf(settings, c.req.url))
        ),
      }),
  );

  app.post("/endpoints", async (c) => {
    const body = await valid(CreateBody, c);
    const made = unwrap(await createEndpoint(ports, settings, { ...body, secret: body.secret ?? null }));
    return c.json(
      { endpoint: toEndpoint(made.endpoint, addressOf(settings, c.req.url)), secret: made.secret },
      201,
    );
  });

  app.post("/endpoints/:name/rotate", async (c) => {
    const made = unwrap(await rotateEndpoint(ports, settings, c.req.param("name")));
    return c.json({
      endpoint: toEndpoint(made.endpoint, addressOf(settings, c.req.url)),
      secret: made.secret,
    });
  });

  app.put("/endpoints/:name/connection", async (c) => {
    const body = await valid(ConnectBody, c);
    const { endpoint, warning } = unwrap(await connectEndpoint(ports, settings, c.req.param("name"), body));
    return c.json({ endpoint: toEndpoint(endpoint, addressOf(settings, c.req.url)), warning });
  });

  app.delete("/endpoints/:name/connection", async (c) => {
    unwrap(await disconnectEndpoint(ports, c.req.param("name")));
    return c.body(null, 204);
  });

  app.delete("/endpoints/:name", async (c) => {
    if (!await ports.db.transaction((tx) => deleteEndpoint(tx, c.req.param("name")))) {
      throw refused("not_found", `there is no endpoint "${c.req.param("name")}"`);
    }
    return c.body(null, 204);
  });

  app.get("/deliveries", async (c) => {
    const limit = naturalOf(c.req.query("limit"), 100, 500);
    const cursor = c.req.query("cursor");
    if (cursor !== undefined && !isUuid(cursor)) {
      throw refused("bad_request", "the cursor is not one of ours");
    }
    const rows = await listDeliveries(ports.db, {
      limit: limit + 1,
      ...(cursor === undefined ? {} : { before: cursor }),
    });
    const page = rows.slice(0, limit);
    const last = page.at(-1);
    return c.json({
      deliveries: page.map(toDelivery),
      ...(rows.length > limit && last !== undefined ? { nextCursor: last.id } : {}),
    });
  });

  app.get("/deliveries/:id", async (c) => {
    const id = c.req.param("id");
    const found = isUuid(id) ? await getDelivery(ports.db, id) : null;
    if (found === null) throw refused("not_found", `there is no delivery ${id}`);
    const decisions = found.decisions.map(({ workflow, block, matched, condition, detail }) => ({
      workflow,
      block,
      matched,
      condition,
      detail,
    }));
    return c.json({
      ...toDelivery(found.delivery),
      headers: found.delivery.headers,
      answer: found.delivery.answer,
      decisions,
    });
  });

  return app;
}

function toEndpoint(row: EndpointRow, origin: string): Record<string, unknown> {
  return {
    id: row.publicId,
    name: row.name,
    kind: row.kind,
    url: `${origin}/hooks/v1/${row.kind}/${row.publicId}`,
    enabled: row.enabled,
    repos: row.repos,
    forkPolicy: row.forkPolicy,
    reports: row.apiToken !== null,
    statusContext: row.statusContext,
    problem: row.problem,
    createdAt: row.createdAt.toISOString(),
    lastDeliveryAt: row.lastDeliveryAt?.toISOString() ?? "",
  };
}

function toDelivery(row: DeliveryRow): Record<string, unknown> {
  return {
    id: row.id,
    source: row.sourceName,
    kind: row.kind,
    receivedAt: row.receivedAt.toISOString(),
    event: row.event ?? "",
    action: row.action ?? "",
    repo: row.repo ?? "",
    outcome: row.outcome,
    reason: row.reason,
    status: row.httpStatus,
    bodyBytes: row.bodyBytes,
    duplicates: row.duplicates,
  };
}

function isUuid(text: string): boolean {
  return v.is(v.pipe(v.string(), v.uuid()), text);
}
