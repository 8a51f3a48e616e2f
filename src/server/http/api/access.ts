/** Runners, and tokens for them and for the API. */
import { Hono } from "hono";
import * as v from "valibot";
import { EngineFacts } from "../../../protocol/messages.ts";
import { createApiToken, LOCAL_COMMANDS } from "../../access/tokens.ts";
import { revokeRunner } from "../../dispatch/leave.ts";
import { createRegistrationToken } from "../../dispatch/register.ts";
import { askForRotation } from "../../dispatch/rotate.ts";
import { WARNED_FROM_MS } from "../../dispatch/runner-clock.ts";
import type { ServerPorts } from "../../ports.ts";
import type { ServerSettings } from "../../settings.ts";
import { listApiTokens, revokeApiToken } from "../../store/api-tokens.ts";
import { raiseFenceEpoch } from "../../store/fences.ts";
import {
  findRunner,
  holdRunner,
  type ListedRunner,
  listRunners,
  type RunnerRow,
  SILENT_MS,
} from "../../store/runners.ts";
import { resourcesOf } from "../runner-resources.ts";
import { refused, valid } from "../answer.ts";
import type { GuardVariables } from "../guard.ts";

const HOUR_MS = 3_600_000;
const RegistrationBody = v.object({
  ttlHours: v.optional(v.pipe(v.number(), v.minValue(0.01), v.maxValue(168)), 1),
  uses: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1000)), 1),
  labels: v.optional(v.record(v.string(), v.string()), {}),
  capacityMax: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1000))),
});
const ApiTokenBody = v.object({
  name: v.pipe(
    v.string(),
    v.minLength(1),
    v.maxLength(100),
    v.check((name) => name !== LOCAL_COMMANDS, "is that of the server's own token"),
  ),
  ttlHours: v.optional(v.pipe(v.number(), v.minValue(0.0001), v.maxValue(876_000))),
});

/** Mounted at `/api/v1`. */
export function accessRoutes(
  ports: ServerPorts,
  settings: ServerSettings,
): Hono<{ Variables: GuardVariables }> {
  const app = new Hono<{ Variables: GuardVariables }>();

  const listed = async (): Promise<Record<string, unknown>[]> => {
    const now = ports.clock.now();
    return (await listRunners(ports.db, now)).map((row) => toWorker(row, now));
  };
  // The original's name and ours.
  app.get("/workers", async (c) => c.json({ workers: await listed() }));
  app.get("/runners", async (c) => c.json({ runners: await listed() }));

  for (const [verb, held] of [["drain", true], ["resume", false]] as const) {
    app.post(`/runners/:runner/${verb}`, async (c) => {
      const runner = await theRunner(ports, c.req.param("runner"));
      await holdRunner(ports.db, runner.id, held);
      ports.wake.notify("ready");
      return c.json({ id: runner.id, name: runner.name, held });
    });
  }

  app.post("/runners/:runner/rotate", async (c) => {
    const runner = await theRunner(ports, c.req.param("runner"));
    await askForRotation(ports, runner);
    return c.json({ id: runner.id, name: runner.name });
  });

  app.post("/runners/:runner/revoke", async (c) => {
    const runner = await theRunner(ports, c.req.param("runner"));
    await revokeRunner(ports, settings, runner, c.var.caller);
    return c.json({ id: runner.id, name: runner.name, state: "revoked" });
  });

  // After a restore: what runners were given since the backup stays behind what they are given from now on (RS-04).
  app.post("/runners/fence", async (c) => {
    const fenceEpoch = await raiseFenceEpoch(ports.db, new Date(ports.clock.now()));
    ports.log.warn("fences raised", { fenceEpoch, by: c.var.caller });
    return c.json({ fenceEpoch });
  });

  app.post("/runners/registration-tokens", async (c) => {
    const body = await valid(RegistrationBody, c);
    const made = await createRegistrationToken(ports, {
      lifeMs: body.ttlHours * HOUR_MS,
      uses: body.uses,
      labels: body.labels,
      ...(body.capacityMax === undefined ? {} : { capacityMax: body.capacityMax }),
    });
    return c.json({ token: made.token, expiresAt: made.expiresAt.toISOString() }, 201);
  });

  app.get("/api-tokens", async (c) => {
    const rows = await listApiTokens(ports.db);
    return c.json({
      apiTokens: rows.map((row) => ({
        id: row.id,
        name: row.name,
        prefix: row.prefix,
        createdAt: row.createdAt.toISOString(),
        expiresAt: row.expiresAt?.toISOString() ?? "",
        revoked: row.revokedAt !== null,
      })),
    });
  });

  app.post("/api-tokens", async (c) => {
    const body = await valid(ApiTokenBody, c);
    const made = await createApiToken(
      ports,
      body.name,
      body.ttlHours === undefined ? null : body.ttlHours * HOUR_MS,
    );
    return c.json({ id: made.id, token: made.token, expiresAt: made.expiresAt?.toISOString() ?? "" }, 201);
  });

  app.delete("/api-tokens/:id", async (c) => {
    const id = c.req.param("id");
    const isKnown = v.is(v.pipe(v.string(), v.uuid()), id) &&
      await revokeApiToken(ports.db, id, new Date(ports.clock.now()));
    if (!isKnown) throw refused("not_found", `there is no API token ${id}`);
    return c.body(null, 204);
  });

  return app;
}

async function theRunner(ports: ServerPorts, idOrName: string): Promise<RunnerRow> {
  const runner = await findRunner(ports.db, idOrName);
  if (runner === "ambiguous") {
    throw refused("bad_request", `several runners are called "${idOrName}"; use the id`);
  }
  if (runner === null) throw refused("not_found", `there is no runner "${idOrName}"`);
  return runner;
}

/** Two missed heartbeats are a warning, five unhealthy (LO-08); a clock that is far from ours is a warning (RP-25). */
const WARNING_MS = 30_000;

export function healthOf(row: ListedRunner, now: number): "healthy" | "warning" | "unhealthy" {
  if (row.state === "away") return "unhealthy";
  const silentMs = row.lastSeenAt === null ? Number.POSITIVE_INFINITY : now - row.lastSeenAt.getTime();
  if (silentMs >= SILENT_MS) return "unhealthy";
  return silentMs >= WARNING_MS || isClockFarOff(row) ? "warning" : "healthy";
}

export function takesRuns(row: ListedRunner, now: number): boolean {
  return row.state === "active" && !row.held && healthOf(row, now) !== "unhealthy";
}

function isClockFarOff({ clockOffsetMs }: ListedRunner): boolean {
  return Math.abs(clockOffsetMs) > WARNED_FROM_MS;
}

function toWorker(row: ListedRunner, now: number): Record<string, unknown> {
  const free = row.free ?? row.capacity;
  return {
    id: row.id,
    name: row.name,
    labels: row.labels,
    state: row.held && row.state === "active" ? "draining" : row.state,
    held: row.held,
    version: row.version,
    engine: v.is(EngineFacts, row.engine) ? row.engine : null,
    totalPollers: row.capacity,
    busyPollers: Math.max(0, row.capacity - free),
    resources: resourcesOf(row),
    lastHeartbeatAt: row.lastSeenAt?.toISOString() ?? "",
    healthStatus: healthOf(row, now),
    clockOffsetMs: row.clockOffsetMs,
    warnings: isClockFarOff(row) ? [`its clock is ${clockText(row.clockOffsetMs)}: see that it is set`] : [],
  };
}

function clockText(offsetMs: number): string {
  const seconds = Math.round(Math.abs(offsetMs) / 1_000);
  return `${seconds} s ${offsetMs > 0 ? "behind" : "ahead of"} the control plane's`;
}
