/** Admitting a runner (M1), and the tokens that admit it. */
import type { RegisterReply, RegisterRequest } from "../../protocol/messages.ts";
import { isUsable } from "../../protocol/sealing.ts";
import * as v from "valibot";
import type { ServerPorts } from "../ports.ts";
import { digestToken, formatToken, tokenPrefix } from "../secrets/token.ts";
import type { ServerSettings } from "../settings.ts";
import { runnerToken, TOKEN_LIFE_MS } from "./rotate.ts";
import { insertRegistrationToken, insertRunner, spendRegistrationToken } from "../store/runners.ts";

const Labels = v.record(v.string(), v.string());

/** null: the registration token is unknown, spent or expired. */
export async function registerRunner(
  ports: ServerPorts,
  settings: ServerSettings,
  registrationToken: string,
  request: RegisterRequest,
): Promise<RegisterReply | null> {
  const now = new Date(ports.clock.now());
  const registrationDigest = await digestToken(registrationToken);
  const runnerId = ports.ids.uuid();
  const token = await runnerToken(settings, runnerId, 0);
  const tokenDigest = await digestToken(token);
  const expiresAt = new Date(now.getTime() + TOKEN_LIFE_MS);
  const publicKey = request.publicKey !== undefined && await isUsable(request.publicKey)
    ? request.publicKey
    : null;
  const labels = await ports.db.transaction(async (tx) => {
    const spent = await spendRegistrationToken(tx, registrationDigest, now);
    if (spent === null) return null;
    // What the token fixes the runner cannot choose.
    const fixedLabels = v.is(Labels, spent.labels) ? spent.labels : {};
    const labels = { ...request.labels, ...fixedLabels };
    await insertRunner(tx, {
      id: runnerId,
      name: request.name,
      machineId: request.machineId,
      labels,
      fixedLabels,
      capacity: request.capacity,
      features: [...request.features],
      version: request.version,
      os: request.os,
      arch: request.arch,
      engine: request.engine ?? null,
      publicKey,
      tokenDigest,
      tokenExpiresAt: expiresAt,
      state: "active",
      createdAt: now,
    });
    return labels;
  });
  if (labels === null) return null;
  return {
    runnerId,
    runnerToken: token,
    tokenExpiresAt: expiresAt.toISOString(),
    labels,
    capacity: request.capacity,
    settings: settings.runner,
  };
}

export interface RegistrationTokenRequest {
  readonly lifeMs: number;
  readonly uses: number;
  readonly labels: Readonly<Record<string, string>>;
}

/** The token's text, shown this once. */
export async function createRegistrationToken(
  ports: ServerPorts,
  request: RegistrationTokenRequest,
): Promise<{ readonly token: string; readonly expiresAt: Date }> {
  const token = formatToken("dagu_rrt_", ports.random(32));
  const now = ports.clock.now();
  const expiresAt = new Date(now + request.lifeMs);
  await insertRegistrationToken(ports.db, {
    id: ports.ids.uuid(),
    digest: await digestToken(token),
    prefix: tokenPrefix(token),
    labels: request.labels,
    usesLeft: request.uses,
    createdAt: new Date(now),
    expiresAt,
  });
  return { token, expiresAt };
}
