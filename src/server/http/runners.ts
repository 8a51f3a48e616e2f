/** The server's end of the runner protocol: parse, authorise, one call, answer. */
import { Hono } from "hono";
import * as v from "valibot";
import {
  ChildrenQuery,
  ClaimRequest,
  DeclineRequest,
  DrainRequest,
  Empty,
  EVENT_REQUEST_MAX_BYTES,
  EventsRequest,
  HEADERS,
  HeartbeatRequest,
  LogQuery,
  LogReadQuery,
  PROTOCOL_VERSION,
  RegisterRequest,
} from "../../protocol/messages.ts";
import { isTerminal } from "../../run/event.ts";
import { ChildClaimRequest, ChildRequest } from "../../protocol/children.ts";
import { claimChild } from "../dispatch/claim-child.ts";
import { cancelChild, startChild, viewChild } from "../dispatch/children.ts";
import { childrenSince } from "../dispatch/children-list.ts";
import { readBoot } from "../../protocol/boot.ts";
import { ReattachRequest } from "../../protocol/reattach.ts";
import { SecretsRequest } from "../../protocol/secrets.ts";
import { StateRequest } from "../../protocol/state.ts";
import { newerThan } from "../dispatch/boot.ts";
import { attemptOf } from "../dispatch/caller.ts";
import { newClaims } from "../dispatch/claim.ts";
import { declineAttempt, drainRunner, leaveRunner } from "../dispatch/leave.ts";
import { heartbeat } from "../dispatch/lease.ts";
import { clockOf } from "../dispatch/runner-clock.ts";
import { noteFacts } from "../dispatch/runner-facts.ts";
import { reportLog } from "../dispatch/logs.ts";
import { reattach } from "../dispatch/reattach.ts";
import { registerRunner } from "../dispatch/register.ts";
import { newReports } from "../dispatch/report.ts";
import { rotateToken, whoSpeaks } from "../dispatch/rotate.ts";
import { handOutSecrets } from "../dispatch/secrets.ts";
import { accessState } from "../dispatch/state.ts";
import type { ServerPorts } from "../ports.ts";
import { bearerOf } from "../secrets/token.ts";
import type { ServerSettings } from "../settings.ts";
import { getBlob } from "../store/blobs.ts";
import { isLive, mayReadBlob } from "../store/attempts.ts";
import { findStream, readLog } from "../store/logs.ts";
import { answerAway, noteBug } from "./answer.ts";
import { readInflatedBody } from "./body.ts";
import { newRateLimit } from "./rate-limit.ts";
import { artifactRoutes } from "./runner-artifacts.ts";
import { directiveRoutes } from "./runner-directives.ts";
import {
  attemptDigest,
  bodyError,
  caller,
  detailsOf,
  fail,
  read,
  requestIdOf,
  type RunnerVariables,
  tooOften,
} from "./runner-call.ts";

/** A child's request may carry a definition and parameters. */
const CHILD_MAX_BYTES = 8_388_608;
/** Of a log that a runner reads, in one answer. */
const LOG_READ_BYTES = 1_048_576;

/** Everything below `/runner/v1`. */
export function runnerRoutes(
  ports: ServerPorts,
  settings: ServerSettings,
): Hono<{ Variables: RunnerVariables }> {
  const app = new Hono<{ Variables: RunnerVariables }>();
  const claim = newClaims(ports, settings);
  const report = newReports(ports);
  const { limits } = settings;
  const secrets = newRateLimit(ports.clock, limits.secrets);
  const claims = newRateLimit(ports.clock, limits.claims);
  const events = newRateLimit(ports.clock, limits.events);
  const logs = newRateLimit(ports.clock, limits.logs);

  app.use(async (c, next) => {
    await next();
    c.header(HEADERS.serverTime, new Date(ports.clock.now()).toISOString());
    c.header("Dagu-Protocol-Min", String(PROTOCOL_VERSION));
    c.header("Dagu-Protocol-Max", String(PROTOCOL_VERSION));
    c.header("Cache-Control", "no-store");
  });

  // What runs goes on with whatever version it was begun; nothing new begins with one that we do not speak (RP-21).
  for (const path of ["/register", "/claim"]) {
    app.use(path, async (c, next) => {
      const version = c.req.header(HEADERS.protocol);
      if (version !== undefined && version !== String(PROTOCOL_VERSION)) {
        const message =
          `this control plane speaks version ${PROTOCOL_VERSION} of the runner protocol, not ${version}`;
        return fail("upgrade_required", message, { min: PROTOCOL_VERSION, max: PROTOCOL_VERSION });
      }
      await next();
    });
  }

  app.post("/register", async (c) => {
    const token = bearerOf(c.req.header("Authorization"));
    if (token === null) return fail("unauthorized", "a registration token is missing");
    const body = await read(c, RegisterRequest);
    if (body instanceof Response) return body;
    const registered = await registerRunner(ports, settings, token, body);
    return registered.ok ? c.json(registered.reply) : fail(registered.code, registered.message);
  });

  // Everything else is a registered runner's.
  app.use(async (c, next) => {
    const token = bearerOf(c.req.header("Authorization"));
    const known = token === null ? null : await whoSpeaks(ports, token);
    if (known === null) return fail("unauthorized", "the runner token is unknown, expired or revoked");
    const boot = readBoot(c.req.header(HEADERS.boot));
    const newer = boot === null ? null : await newerThan(ports, known.runner, boot);
    if (newer !== null) {
      return fail("fenced", "a newer process speaks for this runner; this one may not any more", {
        boot: newer,
      });
    }
    c.set("runner", known.runner);
    c.set("boot", boot?.number ?? 0);
    c.set("isPreviousToken", known.isPrevious);
    await next();
  });

  app.post("/token/rotate", async (c) => {
    const body = await read(c, Empty);
    if (body instanceof Response) return body;
    const { runner, isPreviousToken: isPrevious } = c.var;
    const rotated = await rotateToken(ports, settings, { runner, isPrevious });
    return rotated.ok ? c.json(rotated.reply) : fail(rotated.code, rotated.message);
  });

  app.post("/claim", async (c) => {
    const body = await read(c, ClaimRequest);
    if (body instanceof Response) return body;
    const { id } = c.var.runner;
    const refused = tooOften(body.free === 0 ? 0 : claims.look(id), "claims");
    if (refused !== null) return refused;
    const reply = await claim(c.var.runner, body, c.req.raw.signal);
    // Who is given work cannot ask too often.
    if (body.free > 0 && reply.attempts.length === 0) claims.take(id);
    return c.json(reply);
  });

  app.post("/heartbeat", async (c) => {
    const body = await read(c, HeartbeatRequest);
    if (body instanceof Response) return body;
    const { runner, boot } = c.var;
    await noteFacts(ports, runner, { ...body, sentAt: c.req.header(HEADERS.sentAt) });
    return c.json(await heartbeat(ports, settings, runner, body, boot));
  });

  app.post("/reattach", async (c) => {
    const body = await read(c, ReattachRequest);
    if (body instanceof Response) return body;
    return c.json(await reattach(ports, settings, c.var.runner, body, c.var.boot));
  });

  app.post("/drain", async (c) => {
    const body = await read(c, DrainRequest);
    if (body instanceof Response) return body;
    await drainRunner(ports, c.var.runner, body.mode);
    return c.json({});
  });

  app.post("/leave", async (c) => {
    const body = await read(c, Empty);
    if (body instanceof Response) return body;
    await leaveRunner(ports, c.var.runner, c.var.boot);
    return c.json({});
  });

  app.post("/attempts/:attemptId/decline", async (c) => {
    const body = await read(c, DeclineRequest);
    if (body instanceof Response) return body;
    const outcome = await declineAttempt(ports, await caller(c), body);
    return outcome.ok ? c.json({ outcome: outcome.outcome }) : fail(outcome.code, outcome.message);
  });

  app.post("/attempts/:attemptId/events", async (c) => {
    const body = await read(c, EventsRequest, EVENT_REQUEST_MAX_BYTES);
    if (body instanceof Response) return body;
    // An end is never refused: nobody would tell it in time again.
    const waitMs = body.events.some(isTerminal) ? 0 : events.take(c.req.param("attemptId"));
    const refused = tooOften(waitMs, "messages of events");
    if (refused !== null) return refused;
    const clock = clockOf(c.var.runner, c.req.header(HEADERS.sentAt), ports.clock.now());
    const reported = await report({ caller: { ...await caller(c), clock }, request: body });
    return reported.ok ? c.json(reported.reply) : fail(reported.code, reported.message, detailsOf(reported));
  });

  app.post("/attempts/:attemptId/logs", async (c) => {
    const query = v.safeParse(LogQuery, c.req.query());
    if (!query.success) {
      return fail("invalid", "the query of a log piece needs step, stream, offset and fence");
    }
    const refused = tooOften(logs.take(c.req.param("attemptId")), "pieces of logs");
    if (refused !== null) return refused;
    const body = await readInflatedBody(c.req.raw, settings.runner.logChunkMax);
    if (!body.ok) return bodyError(body.reason, settings.runner.logChunkMax);
    const { final, ...place } = query.output;
    const piece = { ...place, isFinal: final === "1", bytes: body.bytes };
    const reported = await reportLog(ports, settings, await caller(c), piece);
    return reported.ok ? c.json(reported.reply) : fail(reported.code, reported.message, detailsOf(reported));
  });

  app.get("/attempts/:attemptId/logs", async (c) => {
    const query = v.safeParse(LogReadQuery, c.req.query());
    if (!query.success) return fail("invalid", "a log is read by step, stream, attempt and offset");
    const attempt = await attemptOf(ports.db, await caller(c));
    if (attempt === null || !isLive(attempt)) {
      return fail("not_found", "there is no such live attempt of this runner");
    }
    const { offset, attempt: fence, ...place } = query.output;
    const stream = await findStream(ports.db, { ...place, runId: attempt.runId, fence });
    const bytes = stream === null
      ? new Uint8Array()
      : await readLog(ports.db, stream.id, offset, LOG_READ_BYTES);
    return c.body(bytes, 200, { "Content-Type": "application/octet-stream" });
  });

  app.post("/attempts/:attemptId/children", async (c) => {
    const body = await read(c, ChildRequest, CHILD_MAX_BYTES);
    if (body instanceof Response) return body;
    const answer = await startChild(ports, settings, await caller(c), body);
    return answer.ok ? c.json(answer.reply) : fail(answer.code, answer.message);
  });

  app.get("/attempts/:attemptId/children", async (c) => {
    const query = v.safeParse(ChildrenQuery, c.req.query());
    if (!query.success) return fail("invalid", "children are asked for by after, a cursor, and waitMs");
    const list = await childrenSince(ports, await caller(c), query.output, c.req.raw.signal);
    return list === null ? fail("not_found", "there is no such attempt of this runner") : c.json(list);
  });

  app.get("/attempts/:attemptId/children/:dagRunId", async (c) => {
    const view = await viewChild(ports, await caller(c), c.req.param("dagRunId"), c.req.raw.signal);
    return view === null ? fail("not_found", "the attempt's run has no such child") : c.json(view);
  });

  app.post("/attempts/:attemptId/children/:dagRunId/claim", async (c) => {
    const body = await read(c, ChildClaimRequest);
    if (body instanceof Response) return body;
    const who = { caller: await caller(c), runner: c.var.runner };
    const answer = await claimChild(ports, settings, who, c.req.param("dagRunId"), body);
    return answer.ok ? c.json(answer.reply) : fail(answer.code, answer.message);
  });

  app.post("/attempts/:attemptId/children/:dagRunId/cancel", async (c) => {
    const isFound = await cancelChild(ports, settings, await caller(c), c.req.param("dagRunId"));
    return isFound ? c.json({}) : fail("not_found", "the attempt's run has no such child");
  });

  artifactRoutes(app, ports, settings);
  directiveRoutes(app, ports);

  app.post("/attempts/:attemptId/secrets", async (c) => {
    const body = await read(c, SecretsRequest);
    if (body instanceof Response) return body;
    const refused = tooOften(secrets.take(c.req.param("attemptId")), "questions for secrets");
    if (refused !== null) return refused;
    const answer = await handOutSecrets(ports, settings, c.var.runner, await caller(c), body);
    return answer.ok ? c.json(answer.reply) : fail(answer.code, answer.message);
  });

  app.post("/attempts/:attemptId/state", async (c) => {
    const body = await read(c, StateRequest);
    if (body instanceof Response) return body;
    const answer = await accessState(ports, await caller(c), body, requestIdOf(c));
    return answer.ok ? c.json(answer.reply) : fail(answer.code, answer.message);
  });

  app.get("/blobs/:digest", async (c) => {
    const digest = c.req.param("digest");
    const isAllowed = await mayReadBlob(ports.db, c.var.runner.id, await attemptDigest(c), digest);
    const data = isAllowed ? await getBlob(ports.db, digest) : null;
    if (data === null) return fail("not_found", `there is no blob ${digest} for this attempt`);
    return c.body(new Uint8Array(data), 200, { "Content-Type": "application/octet-stream" });
  });

  app.all("*", () => fail("not_found", "there is no such path in the runner protocol"));
  app.onError((error) => answerAway(ports, error) ?? fail("internal", noteBug(ports, error)));
  return app;
}
