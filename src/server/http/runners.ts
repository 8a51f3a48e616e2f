/** The server's end of the runner protocol: parse, authorise, one call, answer. */
import { type Context, Hono } from "hono";
import * as v from "valibot";
import {
  ClaimRequest,
  DeclineRequest,
  DrainRequest,
  Empty,
  ERROR_STATUS,
  type ErrorReply,
  EVENT_REQUEST_MAX_BYTES,
  EventsRequest,
  HEADERS,
  HeartbeatRequest,
  LogQuery,
  PROTOCOL_VERSION,
  type ProtocolErrorCode,
  RegisterRequest,
} from "../../protocol/messages.ts";
import { ChildRequest } from "../../protocol/children.ts";
import { cancelChild, startChild, viewChild } from "../dispatch/children.ts";
import { ReattachRequest } from "../../protocol/reattach.ts";
import { StateRequest } from "../../protocol/state.ts";
import { claim } from "../dispatch/claim.ts";
import { declineAttempt, drainRunner, leaveRunner } from "../dispatch/leave.ts";
import { heartbeat } from "../dispatch/lease.ts";
import { reportLog } from "../dispatch/logs.ts";
import { reattach } from "../dispatch/reattach.ts";
import { registerRunner } from "../dispatch/register.ts";
import { reportEvents } from "../dispatch/report.ts";
import { accessState } from "../dispatch/state.ts";
import type { ServerPorts } from "../ports.ts";
import { bearerOf, digestToken } from "../secrets/token.ts";
import type { ServerSettings } from "../settings.ts";
import { getBlob } from "../store/blobs.ts";
import { runnerByToken, type RunnerRow } from "../store/runners.ts";
import { mayReadBlob } from "../store/attempts.ts";
import { parseJson } from "../triggers/json.ts";
import { readInflatedBody } from "./body.ts";

const MESSAGE_MAX_BYTES = 1_048_576;
/** A child's request may carry a definition and parameters. */
const CHILD_MAX_BYTES = 8_388_608;
const NOT_RETRYABLE = new Set<ProtocolErrorCode>([
  "invalid",
  "unauthorized",
  "forbidden",
  "policy",
  "not_found",
  "fenced",
  "conflict",
  "gone",
  "too_large",
  "upgrade_required",
]);

interface Variables {
  runner: RunnerRow;
}

/** Everything below `/runner/v1`. */
export function runnerRoutes(ports: ServerPorts, settings: ServerSettings): Hono<{ Variables: Variables }> {
  const app = new Hono<{ Variables: Variables }>();

  app.use(async (c, next) => {
    await next();
    c.header(HEADERS.serverTime, new Date(ports.clock.now()).toISOString());
    c.header("Dagu-Protocol-Min", String(PROTOCOL_VERSION));
    c.header("Dagu-Protocol-Max", String(PROTOCOL_VERSION));
    c.header("Cache-Control", "no-store");
  });

  app.post("/register", async (c) => {
    const body = await read(c, RegisterRequest);
    if (body instanceof Response) return body;
    const token = bearerOf(c.req.header("Authorization"));
    const reply = token === null ? null : await registerRunner(ports, settings, token, body);
    return reply === null
      ? fail("unauthorized", "the registration token is unknown, spent or expired")
      : c.json(reply);
  });

  // Everything else is a registered runner's.
  app.use(async (c, next) => {
    const token = bearerOf(c.req.header("Authorization"));
    const runner = token === null ? null : await runnerByToken(ports.db, await digestToken(token));
    const isGood = runner !== null && runner.state !== "revoked" && runner.state !== "gone" &&
      runner.tokenExpiresAt.getTime() > ports.clock.now();
    if (!isGood) return fail("unauthorized", "the runner token is unknown, expired or revoked");
    c.set("runner", runner);
    await next();
  });

  app.post("/claim", async (c) => {
    const body = await read(c, ClaimRequest);
    if (body instanceof Response) return body;
    return c.json(await claim(ports, settings, c.var.runner, body, c.req.raw.signal));
  });

  app.post("/heartbeat", async (c) => {
    const body = await read(c, HeartbeatRequest);
    if (body instanceof Response) return body;
    return c.json(await heartbeat(ports, settings, c.var.runner, body));
  });

  app.post("/reattach", async (c) => {
    const body = await read(c, ReattachRequest);
    if (body instanceof Response) return body;
    return c.json(await reattach(ports, settings, c.var.runner, body));
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
    await leaveRunner(ports, c.var.runner);
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
    const reported = await reportEvents(ports, await caller(c), body);
    return reported.ok ? c.json(reported.reply) : fail(reported.code, reported.message, detailsOf(reported));
  });

  app.post("/attempts/:attemptId/logs", async (c) => {
    const query = v.safeParse(LogQuery, c.req.query());
    if (!query.success) {
      return fail("invalid", "the query of a log piece needs step, stream, offset and fence");
    }
    const body = await readInflatedBody(c.req.raw, settings.runner.logChunkMax);
    if (!body.ok) return bodyError(body.reason, settings.runner.logChunkMax);
    const { final, ...place } = query.output;
    const piece = { ...place, isFinal: final === "1", bytes: body.bytes };
    const reported = await reportLog(ports, settings, await caller(c), piece);
    return reported.ok ? c.json(reported.reply) : fail(reported.code, reported.message, detailsOf(reported));
  });

  app.post("/attempts/:attemptId/children", async (c) => {
    const body = await read(c, ChildRequest, CHILD_MAX_BYTES);
    if (body instanceof Response) return body;
    const answer = await startChild(ports, settings, await caller(c), body);
    return answer.ok ? c.json(answer.reply) : fail(answer.code, answer.message);
  });

  app.get("/attempts/:attemptId/children/:dagRunId", async (c) => {
    const view = await viewChild(ports, await caller(c), c.req.param("dagRunId"), c.req.raw.signal);
    return view === null ? fail("not_found", "the attempt's run has no such child") : c.json(view);
  });

  app.post("/attempts/:attemptId/children/:dagRunId/cancel", async (c) => {
    const isFound = await cancelChild(ports, settings, await caller(c), c.req.param("dagRunId"));
    return isFound ? c.json({}) : fail("not_found", "the attempt's run has no such child");
  });

  app.post("/attempts/:attemptId/state", async (c) => {
    const body = await read(c, StateRequest);
    if (body instanceof Response) return body;
    const answer = await accessState(ports, await caller(c), body);
    return answer.ok ? c.json(answer.reply) : fail(answer.code, answer.message);
  });

  app.get("/blobs/:digest", async (c) => {
    const digest = c.req.param("digest");
    const isAllowed = await mayReadBlob(ports.db, c.var.runner.id, await attemptDigest(c), digest);
    const data = isAllowed ? await getBlob(ports.db, digest) : null;
    if (data === null) return fail("not_found", `there is no blob ${digest} for this attempt`);
    return c.body(new Uint8Array(data), 200, { "Content-Type": "application/octet-stream" });
  });

  app.notFound(() => fail("not_found", "there is no such path in the runner protocol"));
  return app;
}

type RunnerContext = Context<{ Variables: Variables }>;

async function caller(
  c: RunnerContext,
): Promise<{ runnerId: string; attemptId: string; tokenDigest: string }> {
  const attemptId = c.req.param("attemptId") ?? "";
  return {
    runnerId: c.var.runner.id,
    attemptId: v.is(v.pipe(v.string(), v.uuid()), attemptId)
      ? attemptId
      : "00000000-0000-0000-0000-000000000000",
    tokenDigest: await attemptDigest(c),
  };
}

async function attemptDigest(c: RunnerContext): Promise<string> {
  return await digestToken(c.req.header(HEADERS.attempt) ?? "");
}

/** The validated message, or the answer to send instead. */
async function read<S extends v.GenericSchema>(
  c: Context,
  schema: S,
  maxBytes = MESSAGE_MAX_BYTES,
): Promise<v.InferOutput<S> | Response> {
  const body = await readInflatedBody(c.req.raw, maxBytes);
  if (!body.ok) return bodyError(body.reason, maxBytes);
  const parsed = v.safeParse(schema, parseJson(body.bytes, "replace"));
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  const path = v.getDotPath(issue);
  return fail("invalid", `${path === null ? "the message" : path}: ${issue.message}`);
}

function bodyError(reason: "too_large" | "unreadable", max: number): Response {
  return reason === "too_large"
    ? fail("too_large", `the body is larger than ${max} bytes`, { max })
    : fail("invalid", "the body cannot be read");
}

function detailsOf(refusal: { expectedSeq?: number; expectedOffset?: number }): ErrorReply["details"] {
  return {
    ...(refusal.expectedSeq === undefined ? {} : { expectedSeq: refusal.expectedSeq }),
    ...(refusal.expectedOffset === undefined ? {} : { expectedOffset: refusal.expectedOffset }),
  };
}

function fail(code: ProtocolErrorCode, message: string, details?: ErrorReply["details"]): Response {
  const body: ErrorReply = {
    code,
    message,
    retryable: !NOT_RETRYABLE.has(code),
    ...(details === undefined ? {} : { details }),
  };
  return Response.json(body, { status: ERROR_STATUS[code] });
}
