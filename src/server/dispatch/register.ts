/** Admitting a runner (M1), and the tokens that admit it. */
import type { RegisterReply, RegisterRequest } from "../../protocol/messages.ts";
import { isUsable, PublicKey } from "../../protocol/sealing.ts";
import { sha256 } from "../../workflow/digest.ts";
import * as v from "valibot";
import type { ServerPorts } from "../ports.ts";
import { digestToken, formatToken, tokenPrefix } from "../secrets/token.ts";
import type { ServerSettings } from "../settings.ts";
import { runnerToken, TOKEN_LIFE_MS } from "./rotate.ts";
import {
  getRunner,
  insertRegistrationToken,
  insertRunner,
  type RunnerRow,
  spendRegistrationToken,
} from "../store/runners.ts";

const Labels = v.record(v.string(), v.string());

/** For so long a registration whose answer was lost may be repeated. */
const REPEAT_MS = 600_000;

/**
 * null: the registration token is unknown, spent or expired. Repeated by the same process of the same machine, it is the
 * same registration and spends the token once (M1): a token is often good for one, and an answer may be lost.
 */
export async function registerRunner(
  ports: ServerPorts,
  settings: ServerSettings,
  registrationToken: string,
  request: RegisterRequest,
): Promise<RegisterReply | null> {
  const now = new Date(ports.clock.now());
  const registrationDigest = await digestToken(registrationToken);
  const firstId = await idOf(registrationDigest, request.machineId);
  const expiresAt = new Date(now.getTime() + TOKEN_LIFE_MS);
  const publicKey = request.publicKey !== undefined && await isUsable(request.publicKey)
    ? request.publicKey
    : null;
  const admitted = await ports.db.transaction(async (tx) => {
    const known = await getRunner(tx, firstId);
    if (known !== null && isRepeat(known, publicKey, now)) return known;
    const spent = await spendRegistrationToken(tx, registrationDigest, now);
    if (spent === null) return null;
    // What the token fixes the runner cannot choose.
    const fixedLabels = v.is(Labels, spent.labels) ? spent.labels : {};
    const labels = { ...request.labels, ...fixedLabels };
    const id = known === null ? firstId : ports.ids.uuid();
    await insertRunner(tx, {
      id,
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
      tokenDigest: await digestToken(await runnerToken(settings, id, 0)),
      tokenExpiresAt: expiresAt,
      state: "active",
      createdAt: now,
    });
    return await getRunner(tx, id);
  });
  if (admitted === null) return null;
  return {
    runnerId: admitted.id,
    runnerToken: await runnerToken(settings, admitted.id, 0),
    tokenExpiresAt: admitted.tokenExpiresAt.toISOString(),
    labels: v.parse(Labels, admitted.labels),
    capacity: admitted.capacity,
    settings: settings.runner,
  };
}

/** The same token and machine are the same runner: the id says so without a row that remembers it. */
async function idOf(registrationDigest: string, machineId: string): Promise<string> {
  const hex = (await sha256(`runner ${registrationDigest} ${machineId}`)).slice(0, 32);
  return hex.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12})$/, "$1-$2-8$3-a$4-$5");
}

/** Its token was never made anew, so that whoever asks is given the one that is good. */
function isRepeat(known: RunnerRow, publicKey: RegisterRequest["publicKey"] | null, now: Date): boolean {
  const { state, tokenGeneration, createdAt } = known;
  const isSameKey = v.is(PublicKey, known.publicKey)
    ? known.publicKey.x === publicKey?.x && known.publicKey.y === publicKey.y
    : publicKey === null;
  const isRecent = Math.abs(now.getTime() - createdAt.getTime()) <= REPEAT_MS;
  return state === "active" && tokenGeneration === 0 && isSameKey && isRecent;
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
