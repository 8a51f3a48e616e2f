/**
 * The generic webhook of a workflow, from request to run (section 1): credentials, payload, one transaction, a record of
 * what was decided. The order of the checks is observable and kept (1.2).
 */
import { concat } from "../../run/bytes.ts";
import { parseDefinition, PRIORITY } from "../dispatch/plan.ts";
import { planRun, runExists } from "../dispatch/start.ts";
import type { ServerPorts } from "../ports.ts";
import { open } from "../secrets/seal.ts";
import { bearerOf, digestToken, isEqualConstantTime } from "../secrets/token.ts";
import type { ServerSettings } from "../settings.ts";
import { newBlob } from "../store/blob.ts";
import { acceptDelivery, type NewDelivery } from "../store/deliveries.ts";
import { getWebhook, updateWebhook, type WebhookRow } from "../store/endpoints.ts";
import { insertRun } from "../store/runs.ts";
import { currentDefinition } from "../store/workflows.ts";
import {
  type Incoming,
  type Intake,
  isDedupeKey,
  newDelivery,
  newRefuse,
  type Refuse,
  repeat,
} from "./incoming.ts";
import { pickHeaders, readPayload } from "./payload.ts";
import { isSignedBy } from "./signature.ts";

const USED_EVERY_MS = 60_000;
const DEDUPE_HEADER = "Idempotency-Key";
const PROFILE_HEADER = "X-Dagu-Profile";

export async function takeWebhook(
  ports: ServerPorts,
  settings: ServerSettings,
  fileName: string,
  incoming: Incoming,
  /** Asks for one more delivery at the webhook of that id: 0, or after how many milliseconds it may. */
  pace: (id: string) => number,
): Promise<Intake> {
  const delivery = newDelivery(ports, incoming, {
    source: `webhook:${fileName}`,
    sourceName: fileName,
    kind: "webhook",
  });
  const refused = newRefuse(ports, delivery);
  if (incoming.body === null) {
    return await refused(
      413,
      "payload_too_large",
      `the body is larger than ${incoming.maxBytes} bytes`,
    );
  }
  const profile = incoming.headers.get(PROFILE_HEADER);
  if (profile !== null && !/^[a-z0-9][a-z0-9._-]{0,127}$/.test(profile)) {
    return await refused(400, "bad_request", `${PROFILE_HEADER} must be one profile name`);
  }
  // Unknown workflows get the answer of a bad token, so that names cannot be probed (step 4).
  const webhook = await getWebhook(ports.db, fileName);
  if (webhook === null || !await isAuthorised(ports, settings, webhook, incoming, incoming.body)) {
    return await refused(
      401,
      "unauthorized",
      "the webhook is unknown, or its credentials are missing or wrong",
    );
  }
  // Only now: who has no credentials must not use up the deliveries of those who have.
  const retryAfterMs = pace(webhook.id);
  if (retryAfterMs > 0) {
    const answer = await refused(429, "rate_limited", "too many deliveries at this webhook; try again later");
    return { ...answer, retryAfterMs };
  }
  if (!webhook.enabled) return await refused(403, "forbidden", "the webhook is disabled");
  if (profile !== null) {
    return await refused(403, "forbidden", `profile "${profile}" is not on the webhook's allow list`);
  }
  return await start(ports, fileName, webhook, incoming, incoming.body, delivery, refused);
}

async function start(
  ports: ServerPorts,
  fileName: string,
  webhook: WebhookRow,
  incoming: Incoming,
  bytes: Uint8Array<ArrayBuffer>,
  delivery: NewDelivery,
  refused: Refuse,
): Promise<Intake> {
  const dedupeKey = incoming.headers.get(DEDUPE_HEADER)?.trim() || null;
  if (dedupeKey !== null && !isDedupeKey(dedupeKey)) {
    return await refused(400, "bad_request", `the ${DEDUPE_HEADER} is longer than 255 characters`);
  }
  const current = await currentDefinition(ports.db, fileName);
  if (current === null) return await refused(404, "not_found", `there is no workflow "${fileName}"`);
  const read = readPayload(bytes, incoming.headers.get("Content-Type"));
  if (!read.ok) {
    return await refused(read.code === "unsupported_media_type" ? 415 : 400, read.code, read.message);
  }
  const { payload } = read;
  const parsed = parseDefinition(ports.base, current.text, current.name, fileName);
  if (!parsed.ok) return await refused(400, parsed.code, parsed.message);
  const { definition } = parsed;
  const utf8 = new TextEncoder();
  const planned = await planRun(ports.db, ports, {
    definition,
    params: { kind: "none" },
    dagRunId: payload.dagRunId,
    triggerType: "webhook",
    triggerActor: `webhook:${fileName}`,
    needsSlot: true,
    priority: PRIORITY.webhook,
    inputs: [
      { name: "WEBHOOK_PAYLOAD", bytes: utf8.encode(payload.text) },
      {
        name: "WEBHOOK_HEADERS",
        bytes: utf8.encode(pickHeaders(incoming.headers, definition.workflow.forwardHeaders)),
      },
    ],
    deliveryId: delivery.id,
    plainId: true,
  });
  if (!planned.ok) return await refused(400, planned.code, planned.message);

  const { run } = planned;
  const accepted = { dagRunId: run.dagRunId, dagName: run.name };
  const taken = runExists(run);
  const { digest } = await newBlob(bytes);
  let isTaken = false;
  const stored = await acceptDelivery(
    ports.db,
    { ...delivery, dedupeKey, bodyDigest: digest },
    [{ workflow: fileName, block: "webhook", matched: true, condition: "", detail: "", run }],
    (tx, run) => insertRun(tx, run, delivery.receivedAt),
    ([kept]) => {
      isTaken = kept === undefined || kept.run === null;
      return isTaken
        ? {
          outcome: "refused",
          reason: taken.message,
          httpStatus: 409,
          answer: { code: taken.code, message: taken.message },
        }
        : { outcome: "accepted", reason: "", httpStatus: 200, answer: accepted };
    },
  );
  if (stored.kind === "duplicate") {
    return stored.first.bodyDigest === digest ? repeat(stored.first) : {
      status: 409,
      body: { code: "conflict", message: `the ${DEDUPE_HEADER} was used before with another body` },
    };
  }
  if (isTaken) return { status: 409, body: { code: taken.code, message: taken.message } };
  ports.wake.notify("ready");
  await noteUse(ports, webhook);
  return { status: 200, body: accepted };
}

/** By auth mode; the token is checked first, then the signature (WH-20 to WH-26). */
async function isAuthorised(
  ports: ServerPorts,
  settings: ServerSettings,
  webhook: WebhookRow,
  incoming: Incoming,
  body: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  if (webhook.authMode !== "hmac_only") {
    const token = bearerOf(incoming.headers.get("Authorization"));
    const expired = webhook.tokenExpiresAt !== null && webhook.tokenExpiresAt.getTime() <= ports.clock.now();
    if (token === null || expired || !await isToken(token, webhook.tokenDigest)) return false;
  }
  if (webhook.authMode === "token_only") return true;
  const secret = webhook.hmacSecret === null
    ? null
    : await open(settings.keys, `webhook ${webhook.id}`, webhook.hmacSecret);
  const isSigned = secret !== null &&
    await isSignedBy(secret, signedBytes(incoming.headers, body), incoming.headers.get("X-Dagu-Signature"));
  if (isSigned) return true;
  const isObserved = webhook.authMode === "token_and_hmac" && webhook.enforcementMode === "observe";
  if (isObserved) {
    ports.log.warn("webhook signature missing or wrong, observed only", { workflow: webhook.fileName });
  }
  return isObserved;
}

/** The choice of a profile is covered by the signature (WH-23). */
function signedBytes(headers: Headers, body: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const profile = headers.get(PROFILE_HEADER);
  if (profile === null) return body;
  return concat([new TextEncoder().encode(`x-dagu-profile:${profile}\n`), body]);
}

async function isToken(token: string, digest: string): Promise<boolean> {
  const utf8 = new TextEncoder();
  return isEqualConstantTime(utf8.encode(await digestToken(token)), utf8.encode(digest));
}

/** At most once a minute (WH-27). */
async function noteUse(ports: ServerPorts, webhook: WebhookRow): Promise<void> {
  const now = ports.clock.now();
  if (now - (webhook.lastUsedAt?.getTime() ?? 0) < USED_EVERY_MS) return;
  await updateWebhook(ports.db, webhook.fileName, { lastUsedAt: new Date(now) });
}
