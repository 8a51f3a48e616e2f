/** Credentials of webhooks and forge endpoints: made here, shown once, sealed at rest (1.5, 1.7, 2.1). */
import type { ServerPorts } from "../ports.ts";
import { type Refusal, refuse } from "../dispatch/refusal.ts";
import { purposeOfConnection, seal } from "../secrets/seal.ts";
import { base58, digestToken, formatToken, tokenPrefix } from "../secrets/token.ts";
import type { ServerSettings } from "../settings.ts";
import { dropStatuses } from "../store/commit-statuses.ts";
import {
  endpointByName,
  type EndpointRow,
  getWebhook,
  insertEndpoint,
  insertWebhook,
  updateEndpoint,
  updateWebhook,
  type WebhookRow,
} from "../store/endpoints.ts";
import { getWorkflow } from "../store/workflows.ts";

type Made = { readonly ok: true; readonly webhook: WebhookRow };

export async function createWebhook(
  ports: ServerPorts,
  fileName: string,
): Promise<(Made & { readonly token: string }) | Refusal> {
  if (await getWorkflow(ports.db, fileName) === null) {
    return refuse("not_found", `there is no workflow "${fileName}"`);
  }
  const now = new Date(ports.clock.now());
  const token = formatToken("dagu_wh_", ports.random(32));
  const isNew = await insertWebhook(ports.db, {
    id: ports.ids.uuid(),
    fileName,
    tokenDigest: await digestToken(token),
    tokenPrefix: tokenPrefix(token),
    authMode: "token_only",
    enforcementMode: "strict",
    createdAt: now,
    updatedAt: now,
  });
  if (!isNew) return refuse("already_exists", `workflow "${fileName}" has a webhook already`);
  const made = await find(ports, fileName);
  return made.ok ? { ...made, token } : made;
}

/** The old token dies at once. */
export async function regenerateToken(
  ports: ServerPorts,
  fileName: string,
): Promise<(Made & { readonly token: string }) | Refusal> {
  const token = formatToken("dagu_wh_", ports.random(32));
  const changed = await change(ports, fileName, {
    tokenDigest: await digestToken(token),
    tokenPrefix: tokenPrefix(token),
    tokenExpiresAt: null,
  });
  return changed.ok ? { ...changed, token } : changed;
}

export interface HmacChoice {
  readonly authMode: "token_and_hmac" | "hmac_only";
  readonly enforcementMode: "strict" | "observe";
}

/** A new secret, and the mode that asks for it. `observe` only means something beside a token (WH-24). */
export async function enableHmac(
  ports: ServerPorts,
  settings: ServerSettings,
  fileName: string,
  choice: HmacChoice,
): Promise<(Made & { readonly hmacSecret: string }) | Refusal> {
  if (choice.authMode === "hmac_only" && choice.enforcementMode === "observe") {
    return refuse("bad_request", "enforcementMode observe is only legal with authMode token_and_hmac");
  }
  const found = await find(ports, fileName);
  if (!found.ok) return found;
  const hmacSecret = base58(ports.random(32));
  const sealed = await seal(settings.keys, `webhook ${found.webhook.id}`, hmacSecret, ports.random);
  const changed = await change(ports, fileName, {
    ...choice,
    hmacSecret: sealed,
    hmacUpdatedAt: new Date(ports.clock.now()),
  });
  return changed.ok ? { ...changed, hmacSecret } : changed;
}

/** The mode alone; the secret stays. */
export async function configureHmac(
  ports: ServerPorts,
  fileName: string,
  choice: HmacChoice,
): Promise<Made | Refusal> {
  const found = await find(ports, fileName);
  if (!found.ok) return found;
  if (found.webhook.hmacSecret === null) {
    return refuse("bad_request", "HMAC is not configured; enable it first");
  }
  if (choice.authMode === "hmac_only" && choice.enforcementMode === "observe") {
    return refuse("bad_request", "enforcementMode observe is only legal with authMode token_and_hmac");
  }
  return await change(ports, fileName, choice);
}

export async function disableHmac(ports: ServerPorts, fileName: string): Promise<Made | Refusal> {
  return await change(ports, fileName, {
    authMode: "token_only",
    enforcementMode: "strict",
    hmacSecret: null,
    hmacUpdatedAt: null,
  });
}

export async function toggleWebhook(
  ports: ServerPorts,
  fileName: string,
  enabled: boolean,
): Promise<Made | Refusal> {
  return await change(ports, fileName, { enabled });
}

export async function findWebhook(ports: ServerPorts, fileName: string): Promise<Made | Refusal> {
  return await find(ports, fileName);
}

async function find(ports: ServerPorts, fileName: string): Promise<Made | Refusal> {
  const webhook = await getWebhook(ports.db, fileName);
  return webhook === null
    ? refuse("not_found", `workflow "${fileName}" has no webhook`)
    : { ok: true, webhook };
}

async function change(
  ports: ServerPorts,
  fileName: string,
  values: Partial<WebhookRow>,
): Promise<Made | Refusal> {
  const webhook = await updateWebhook(ports.db, fileName, {
    ...values,
    updatedAt: new Date(ports.clock.now()),
  });
  return webhook === null
    ? refuse("not_found", `workflow "${fileName}" has no webhook`)
    : { ok: true, webhook };
}

// ---- forge endpoints --------------------------------------------------------------------------------------------

export interface EndpointRequest {
  readonly name: string;
  readonly kind: "github";
  readonly repos: readonly string[];
  readonly forkPolicy: EndpointRow["forkPolicy"];
  /** A secret that the forge knows already; null: generated. */
  readonly secret: string | null;
}

export async function createEndpoint(
  ports: ServerPorts,
  settings: ServerSettings,
  request: EndpointRequest,
): Promise<{ readonly ok: true; readonly endpoint: EndpointRow; readonly secret: string } | Refusal> {
  const id = ports.ids.uuid();
  const secret = request.secret ?? base58(ports.random(32));
  const isNew = await insertEndpoint(ports.db, {
    id,
    publicId: new Uint8Array(ports.random(16)).toHex(),
    kind: request.kind,
    name: request.name,
    repos: [...request.repos],
    forkPolicy: request.forkPolicy,
    secret: await seal(settings.keys, `endpoint ${id}`, secret, ports.random),
    createdAt: new Date(ports.clock.now()),
  });
  const endpoint = isNew ? await endpointByName(ports.db, request.name) : null;
  return endpoint === null
    ? refuse("already_exists", `there is an endpoint "${request.name}" already`)
    : { ok: true, endpoint, secret };
}

async function findEndpoint(
  ports: ServerPorts,
  name: string,
): Promise<{ readonly ok: true; readonly endpoint: EndpointRow } | Refusal> {
  const endpoint = await endpointByName(ports.db, name);
  return endpoint === null ? refuse("not_found", `there is no endpoint "${name}"`) : { ok: true, endpoint };
}

/** A new secret beside the old one, which stays valid until the next rotation (FG-11). */
export async function rotateEndpoint(
  ports: ServerPorts,
  settings: ServerSettings,
  name: string,
): Promise<{ readonly ok: true; readonly endpoint: EndpointRow; readonly secret: string } | Refusal> {
  const found = await findEndpoint(ports, name);
  if (!found.ok) return found;
  const { endpoint } = found;
  const secret = base58(ports.random(32));
  await updateEndpoint(ports.db, endpoint.id, {
    secret: await seal(settings.keys, `endpoint ${endpoint.id}`, secret, ports.random),
    previousSecret: endpoint.secret,
  });
  return { ok: true, endpoint, secret };
}

export interface ConnectionRequest {
  /** For the forge's API. */
  readonly token: string;
  /** "": the usual name of a status. */
  readonly context: string;
}

/** From now on the forge is told what becomes of its commits (FG-05). A token that it does not know is refused. */
export async function connectEndpoint(
  ports: ServerPorts,
  settings: ServerSettings,
  name: string,
  { token, context }: ConnectionRequest,
): Promise<{ readonly ok: true; readonly endpoint: EndpointRow; readonly warning: string } | Refusal> {
  const found = await findEndpoint(ports, name);
  if (!found.ok) return found;
  const { endpoint } = found;
  const known = await ports.forge.check(token);
  if (known.kind === "refused") {
    return refuse("bad_request", `the forge does not take the token: ${known.why}`);
  }
  const apiToken = await seal(settings.keys, purposeOfConnection(endpoint.id), token, ports.random);
  const change = { apiToken, statusContext: context, problem: "" };
  await updateEndpoint(ports.db, endpoint.id, change);
  const warning = known.kind === "later"
    ? `the forge did not answer, so the token was not checked: ${known.why}`
    : "";
  return { ok: true, endpoint: { ...endpoint, ...change }, warning };
}

/** The token is forgotten, and with it what was still to be told. */
export async function disconnectEndpoint(
  ports: ServerPorts,
  name: string,
): Promise<{ readonly ok: true } | Refusal> {
  const found = await findEndpoint(ports, name);
  if (!found.ok) return found;
  const { endpoint } = found;
  await ports.db.transaction(async (tx) => {
    await updateEndpoint(tx, endpoint.id, { apiToken: null, statusContext: "", problem: "" });
    await dropStatuses(tx, endpoint.id);
  });
  return { ok: true };
}
