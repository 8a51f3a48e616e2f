/** One request as intake sees it, and what it answers. */
import { isMapping } from "../../workflow/json.ts";
import type { ServerPorts } from "../ports.ts";
import { type DeliveryRow, type NewDelivery, recordDelivery } from "../store/deliveries.ts";
import { recordedHeaders } from "./payload.ts";

export interface Incoming {
  readonly headers: Headers;
  /** Raw bytes; null: larger than the cap, not read. */
  readonly body: Uint8Array<ArrayBuffer> | null;
  readonly bodyBytes: number;
  /** The cap. */
  readonly maxBytes: number;
  readonly sourceIp: string | null;
  /** By which we were asked. */
  readonly address: string;
}

export interface Intake {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  /** With 429. */
  readonly retryAfterMs?: number;
}

/** Records that the delivery was not taken, and answers so. */
export type Refuse = (status: number, code: string, message: string) => Promise<Intake>;

export function newRefuse(ports: ServerPorts, delivery: NewDelivery): Refuse {
  return async (httpStatus, code, message) => {
    const body = { code, message };
    await recordDelivery(ports.db, {
      ...delivery,
      outcome: "refused",
      reason: message,
      httpStatus,
      answer: body,
    });
    return { status: httpStatus, body };
  };
}

/** A delivery that was answered before is answered the same again (FG-25). */
export function repeat(first: DeliveryRow): Intake {
  return {
    status: first.httpStatus,
    body: { ...(isMapping(first.answer) ? first.answer : {}), duplicate: true },
  };
}

/** Keys are indexed, and an index holds short texts only. */
export function isDedupeKey(key: string): boolean {
  return key.length <= 255;
}

/** The record's beginning; the caller adds how it ended. */
export function newDelivery(
  ports: ServerPorts,
  incoming: Incoming,
  of: { readonly source: string; readonly sourceName: string; readonly kind: string },
): NewDelivery & { readonly receivedAt: Date } {
  return {
    id: ports.ids.uuid(),
    ...of,
    receivedAt: new Date(ports.clock.now()),
    sourceIp: incoming.sourceIp,
    headers: recordedHeaders(incoming.headers),
    bodyBytes: incoming.bodyBytes,
    outcome: "refused",
    reason: "",
    httpStatus: 500,
    answer: {},
  };
}
