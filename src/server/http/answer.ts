/** Refusal, bad input or bug -> status and body (AP-04, AP-05): the only catch of the control plane. */
import type { Context } from "hono";
import * as v from "valibot";
import type { Refusal, RefusalCode } from "../dispatch/refusal.ts";
import type { ServerPorts } from "../ports.ts";
import { describeError, isAway, isBusy, reasonOf } from "../store/failure.ts";
import { parseExactJson } from "../../workflow/json.ts";
import { NOT_JSON, parseJson } from "../triggers/json.ts";
import { readBody } from "./body.ts";

const STATUS: Readonly<Record<RefusalCode, number>> = {
  bad_request: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  already_exists: 409,
  conflict: 409,
  not_running: 400,
  payload_too_large: 413,
  unsupported_media_type: 415,
  not_configured: 501,
};

/** A refusal on its way to `answerError`: thrown by `valid` and `unwrap` only, so that handlers read straight down. */
export class Refused extends Error {
  constructor(readonly refusal: Refusal) {
    super(refusal.message);
  }
}

export function answerRefusal(refusal: Refusal): Response {
  const { code, message, details } = refusal;
  return Response.json({ code, message, ...(details === undefined ? {} : { details }) }, {
    status: STATUS[code],
  });
}

/** The value of a good outcome; a refusal goes straight to the answer. */
export function unwrap<T extends { readonly ok: true }>(outcome: T | Refusal): T {
  if (!outcome.ok) throw new Refused(outcome);
  return outcome;
}

const BODY_MAX_BYTES = 4_194_304;

/** The body by its schema. Unknown keys are ignored, as clients of the original expect (AP-14). */
export async function valid<S extends v.GenericSchema>(schema: S, c: Context): Promise<v.InferOutput<S>> {
  const body = await readBody(c.req.raw, BODY_MAX_BYTES);
  if (!body.ok) throw refused("payload_too_large", `the body is larger than ${BODY_MAX_BYTES} bytes`);
  // Parameters and inputs keep the digits of their numbers (V-21).
  const value = body.bytes.length === 0 ? {} : parseJson(body.bytes, "refuse", parseExactJson);
  if (value === undefined) throw refused("bad_request", NOT_JSON);
  // To the schema of an object, a list is one without any key.
  if (Array.isArray(value)) throw refused("bad_request", "body: a list, where an object is expected");
  const parsed = v.safeParse(schema, value);
  if (parsed.success) return parsed.output;
  const messages = parsed.issues.map((issue) => `${v.getDotPath(issue) ?? "body"}: ${issue.message}`);
  throw refused("bad_request", messages.join("; "));
}

export function refused(code: RefusalCode, message: string): Refused {
  return new Refused({ ok: false, code, message });
}

/** When a database that is away is worth asking again, s. */
const RETRY_AFTER_S = 1;

/** `app.onError`: what nobody expected gets an id, is logged once with its cause, and shows nothing of it. */
export function answerError(ports: ServerPorts, error: unknown): Response {
  if (error instanceof Refused) return answerRefusal(error.refusal);
  return answerAway(ports, error) ??
    Response.json({ code: "internal_error", message: noteBug(ports, error) }, { status: 500 });
}

/** What to tell of something that nobody expected. */
export function noteBug(ports: ServerPorts, error: unknown): string {
  const id = ports.ids.uuid();
  ports.log.error("internal error", { id, error: describeError(error) });
  return `internal error ${id}; the server's log has its cause under this id`;
}

/** One form for the API and for runners (RP-06), who go on asking. null: it is not that the database is away. */
export function answerAway(ports: ServerPorts, error: unknown): Response | null {
  if (!isAway(error) && !isBusy(error)) return null;
  ports.log.warn("the database does not answer", { reason: reasonOf(error) });
  const message = "the database does not answer; try again";
  return Response.json({ code: "unavailable", message, retryable: true }, {
    status: 503,
    headers: { "Retry-After": `${RETRY_AFTER_S}` },
  });
}
