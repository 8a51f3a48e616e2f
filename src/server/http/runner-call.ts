/** What the routes of the runner protocol share: who calls, the message by its schema, refusals in its words (RP-06). */
import type { Context } from "hono";
import * as v from "valibot";
import { ERROR_STATUS, type ErrorReply, HEADERS, type ProtocolErrorCode } from "../../protocol/messages.ts";
import { Uuid } from "../../run/ids.ts";
import type { AttemptCaller } from "../dispatch/caller.ts";
import { digestToken } from "../secrets/token.ts";
import type { RunnerRow } from "../store/runners.ts";
import { parseJson } from "../triggers/json.ts";
import { readInflatedBody } from "./body.ts";
import { retryAfter } from "./rate-limit.ts";

const MESSAGE_MAX_BYTES = 1_048_576;
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

export interface RunnerVariables {
  runner: RunnerRow;
  /** It spoke with the token before its current one (M2). */
  isPreviousToken: boolean;
  /** Number of the process that speaks; 0: it counts no starts. */
  boot: number;
}
export type RunnerContext = Context<{ Variables: RunnerVariables }>;

export async function caller(
  c: RunnerContext,
): Promise<AttemptCaller> {
  return {
    runnerId: c.var.runner.id,
    attemptId: uuidOr(c.req.param("attemptId")),
    tokenDigest: await attemptDigest(c),
    boot: c.var.boot,
  };
}

export async function attemptDigest(c: RunnerContext): Promise<string> {
  return await digestToken(c.req.header(HEADERS.attempt) ?? "");
}

/** Null: it has none, or one that could not be kept. */
export function requestIdOf(c: RunnerContext): string | null {
  const id = c.req.header(HEADERS.request);
  return id === undefined || id === "" || id.length > 64 ? null : id;
}

/** A text that is no id of ours is that of nothing. */
export function uuidOr(text: string | undefined): string {
  return v.is(Uuid, text) ? text : "00000000-0000-0000-0000-000000000000";
}

/** The validated message, or the answer to send instead. */
export async function read<S extends v.GenericSchema>(
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

export function bodyError(reason: "too_large" | "unreadable", max: number): Response {
  return reason === "too_large"
    ? fail("too_large", `the body is larger than ${max} bytes`, { max })
    : fail("invalid", "the body cannot be read");
}

export function detailsOf(refusal: { expectedSeq?: number; expectedOffset?: number }): ErrorReply["details"] {
  return {
    ...(refusal.expectedSeq === undefined ? {} : { expectedSeq: refusal.expectedSeq }),
    ...(refusal.expectedOffset === undefined ? {} : { expectedOffset: refusal.expectedOffset }),
  };
}

/** Null: it may ask. */
export function tooOften(waitMs: number, what: string): Response | null {
  if (waitMs === 0) return null;
  const answer = fail("rate_limited", `too many ${what}`);
  for (const [name, value] of Object.entries(retryAfter(waitMs))) answer.headers.set(name, value);
  return answer;
}

export function fail(code: ProtocolErrorCode, message: string, details?: ErrorReply["details"]): Response {
  const body: ErrorReply = {
    code,
    message,
    retryable: !NOT_RETRYABLE.has(code),
    ...(details === undefined ? {} : { details }),
  };
  return Response.json(body, { status: ERROR_STATUS[code] });
}
