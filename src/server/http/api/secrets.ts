/** Managed secrets (AP-117): values go in and never come out. */
import { type Context, Hono } from "hono";
import * as v from "valibot";
import type { ServerPorts } from "../../ports.ts";
import { createSecret, giveValue } from "../../access/secrets.ts";
import type { ServerSettings } from "../../settings.ts";
import { changeSecret, deleteSecret, findSecret, listSecrets, type SecretRow } from "../../store/secrets.ts";
import { refused, unwrap, valid } from "../answer.ts";
import type { GuardVariables } from "../guard.ts";

const VALUE_MAX_CHARS = 65_536;
const Value = v.pipe(v.string(), v.minLength(1), v.maxLength(VALUE_MAX_CHARS));
const Description = v.pipe(v.string(), v.maxLength(1_000));
const CreateBody = v.object({
  ref: v.string(),
  /** Others are resolved where the run is executed: `provider` and `key` in the workflow. */
  providerType: v.optional(v.literal("dagu-managed"), "dagu-managed"),
  description: v.optional(Description, ""),
  value: v.optional(Value),
  force: v.optional(v.boolean(), false),
});
const ChangeBody = v.object({ description: Description });
const VersionBody = v.object({ value: Value, force: v.optional(v.boolean(), false) });

const Natural = v.pipe(v.string(), v.regex(/^\d{1,9}$/), v.transform(Number));
const ListQuery = v.object({
  limit: v.optional(v.pipe(Natural, v.minValue(1), v.maxValue(500)), "100"),
  offset: v.optional(Natural, "0"),
});

/** Mounted at `/api/v1/secrets`. A secret is named by its id, or by its reference with `/` written `%2F`. */
export function secretRoutes(
  ports: ServerPorts,
  settings: ServerSettings,
): Hono<{ Variables: GuardVariables }> {
  const app = new Hono<{ Variables: GuardVariables }>();
  const now = (): Date => new Date(ports.clock.now());

  app.get("/", async (c) => {
    const query = v.safeParse(ListQuery, c.req.query());
    if (!query.success) throw refused("bad_request", "limit must be 1 to 500 and offset a number from 0 on");
    const { rows, total } = await listSecrets(ports.db, query.output);
    return c.json({ secrets: rows.map(toSecret), total });
  });

  app.post("/", async (c) => {
    const { ref, description, value = null, force } = await valid(CreateBody, c);
    const made = unwrap(await createSecret(ports, settings, { ref, description, value, force }));
    return c.json(toSecret(made.secret), 201);
  });

  app.get("/:secretId", async (c) => c.json(toSecret(await theSecret(ports, c))));

  app.patch("/:secretId", async (c) => {
    const { id } = await theSecret(ports, c);
    await changeSecret(ports.db, id, await valid(ChangeBody, c), now());
    return c.json(toSecret(await theSecret(ports, c)));
  });

  app.delete("/:secretId", async (c) => {
    await deleteSecret(ports.db, (await theSecret(ports, c)).id, now());
    return c.body(null, 204);
  });

  app.post("/:secretId/versions", async (c) => {
    const { value, force } = await valid(VersionBody, c);
    const given = unwrap(await giveValue(ports, settings, await theSecret(ports, c), value, force));
    return c.json(toSecret(given.secret), 201);
  });

  for (const [verb, state] of [["disable", "disabled"], ["enable", "active"]] as const) {
    app.post(`/:secretId/${verb}`, async (c) => {
      await changeSecret(ports.db, (await theSecret(ports, c)).id, { state }, now());
      return c.json(toSecret(await theSecret(ports, c)));
    });
  }

  return app;
}

async function theSecret(
  ports: ServerPorts,
  c: Context<{ Variables: GuardVariables }, "/:secretId">,
): Promise<SecretRow> {
  const idOrRef = c.req.param("secretId");
  const secret = await findSecret(ports.db, idOrRef);
  if (secret === null) throw refused("not_found", `there is no secret ${idOrRef}`);
  return secret;
}

function toSecret(row: SecretRow): Record<string, unknown> {
  return {
    id: row.id,
    workspace: "default",
    ref: row.ref,
    description: row.description,
    providerType: "dagu-managed",
    currentVersion: row.version,
    status: row.state,
    hasValue: row.version > 0,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
    ...(row.rotatedAt === null ? {} : { lastRotatedAt: row.rotatedAt.toISOString() }),
  };
}
