/** Admitting a runner (M1), and the tokens that admit it. */
import type { RegisterReply, RegisterRequest } from "../../protocol/messages.ts";
import { isUsable } from "../../protocol/sealing.ts";
import * as v from "valibot";
import type { ServerPorts } from "../ports.ts";
import { digestToken, formatToken, tokenPrefix } from "../secrets/token.ts";
import type { ServerSettings } from "../settings.ts";
import type { ReportRefusal } from "./caller.ts";
import { labelsOf } from "./claim.ts";
import { runnerToken, runnerTokens, TOKEN_LIFE_MS } from "./runner-token.ts";
import {
  insertRegistrationToken,
  insertRunner,
  lockRegistrationToken,
  registeredSince,
  type RunnerRow,
  spendRegistrationToken,
  updateRunner,
} from "../store/runners.ts";

const Labels = v.record(v.string(), v.string());

/** How long a registration whose answer was lost may be repeated (M1). */
const REPEAT_MS = 600_000;

export type Registered = { readonly ok: true; readonly reply: RegisterReply } | ReportRefusal;

/**
 * Repeated by the same machine with the same token it answers the same runner: a token may be good for one use only, and an
 * answer may be lost.
 */
export async function registerRunner(
  ports: ServerPorts,
  settings: ServerSettings,
  registrationToken: string,
  request: RegisterRequest,
): Promise<Registered> {
  const now = new Date(ports.clock.now());
  const registrationDigest = await digestToken(registrationToken);
  const publicKey = request.publicKey !== undefined && await isUsable(request.publicKey)
    ? request.publicKey
    : null;
  const runnerId = ports.ids.uuid();
  const token = await runnerToken(settings, runnerId, 0);
  const tokenDigest = await digestToken(token);
  const tokenExpiresAt = new Date(now.getTime() + TOKEN_LIFE_MS);
  const admitted = await ports.db.transaction(async (tx): Promise<Admitted | ReportRefusal> => {
    const known = await lockRegistrationToken(tx, registrationDigest, now);
    if (known === null) return UNKNOWN;
    if (known.capacityMax !== null && request.capacity > known.capacityMax) {
      const message = `the registration token admits runners of at most ${known.capacityMax} runs at once`;
      return { ok: false, code: "forbidden", message: `${message}, not ${request.capacity}` };
    }
    // What the token fixes the runner cannot choose.
    const fixedLabels = v.is(Labels, known.labels) ? known.labels : {};
    const { name, machineId, capacity, features, version, os, arch, engine = null } = request;
    const labels = labelsOf({ fixedLabels }, request.labels);
    const facts = { name, labels, capacity, features: [...features], version, os, arch, engine, publicKey };
    const since = new Date(now.getTime() - REPEAT_MS);
    const before = await registeredSince(tx, known.id, machineId, since);
    if (before !== null) {
      await updateRunner(tx, before.id, facts);
      return { runner: before, labels };
    }
    if (await spendRegistrationToken(tx, registrationDigest, now) === null) return UNKNOWN;
    const made = { id: runnerId, tokenDigest, tokenExpiresAt };
    const registered = { machineId, registeredBy: known.id, fixedLabels, createdAt: now };
    await insertRunner(tx, { ...made, ...facts, ...registered, state: "active" });
    return { runner: made, labels };
  });
  if ("code" in admitted) return admitted;
  const { runner, labels } = admitted;
  const given = runner.id === runnerId ? token : await firstToken(settings, runner);
  if (given === null) return UNKNOWN;
  const reply = {
    runnerId: runner.id,
    runnerToken: given,
    tokenExpiresAt: runner.tokenExpiresAt.toISOString(),
    labels,
    capacity: request.capacity,
    settings: settings.runner,
  };
  return { ok: true, reply };
}

const UNKNOWN: ReportRefusal = {
  ok: false,
  code: "unauthorized",
  message: "the registration token is unknown, spent or expired",
};

interface Admitted {
  readonly runner: Pick<RunnerRow, "id" | "tokenDigest" | "tokenExpiresAt">;
  readonly labels: Readonly<Record<string, string>>;
}

/** Made again; null: the operator's key that it was made from is gone. */
async function firstToken(
  settings: ServerSettings,
  { id, tokenDigest }: Admitted["runner"],
): Promise<string | null> {
  for (const token of await runnerTokens(settings, id, 0)) {
    if (await digestToken(token) === tokenDigest) return token;
  }
  return null;
}

export interface RegistrationTokenRequest {
  readonly lifeMs: number;
  readonly uses: number;
  /** Runs at once of each runner; absent: as many as it says. */
  readonly capacityMax?: number;
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
    capacityMax: request.capacityMax ?? null,
    usesLeft: request.uses,
    createdAt: new Date(now),
    expiresAt,
  });
  return { token, expiresAt };
}
