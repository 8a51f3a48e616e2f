/** How a runner gets its name and its token (M1). */
import type { RunnerClient } from "../protocol/client.ts";
import { type CallFailure, isRefused } from "../protocol/exchange.ts";
import { resend, type ResendPorts } from "../protocol/resend.ts";
import { newPrivateKey, publicHalf } from "../protocol/sealing.ts";
import type { EngineDoor } from "./engine-door.ts";
import { credentialOf, type Identity, keepIdentity, machineId, nextBoot, readIdentity } from "./identity.ts";
import type { RunnerEnd, RunnerOptions } from "./options.ts";
import { rotationTime } from "./rotation.ts";

export type Identified = Identity | { readonly end: RunnerEnd };

/** The identity that is given or kept; otherwise a registration, repeated until somebody answers. */
export async function identify(
  options: RunnerOptions,
  client: RunnerClient,
  ports: ResendPorts,
  engine: EngineDoor,
  signal: AbortSignal,
): Promise<Identified> {
  const { baseUrl, stateDir } = options;
  const { disk } = options.machine;
  const known = await readIdentity(disk, stateDir, baseUrl);
  if (known !== null && await isKnownThere(client, known, options, signal)) return known;
  const privateKey = await newPrivateKey();
  const body = {
    name: options.name,
    machineId: await machineId(disk, stateDir, options.ids),
    version: options.version,
    os: Deno.build.os,
    arch: Deno.build.arch === "x86_64" ? "amd64" : "arm64",
    labels: options.labels,
    capacity: options.capacity,
    features: ["logs-gzip", "sealed-secrets"],
    publicKey: publicHalf(privateKey),
    ...(options.once === true ? {} : { engine: await engine.facts(stateDir, signal) }),
  };
  const onFailure = (failure: CallFailure): void => {
    if (failure.kind !== "aborted") options.log.warn("cannot register yet", { reason: failure.message });
  };
  const registrationToken = await options.registrationToken();
  const answer = await resend(
    ports,
    { signal, onFailure },
    (call) => client.register(registrationToken, body, call),
  );
  if (!answer.ok) {
    if (answer.failure.kind === "aborted") return { end: "drained" };
    options.log.error("registration refused", { reason: answer.failure.message });
    return { end: refusedEnd(answer.failure) };
  }
  const { runnerId, runnerToken, settings, tokenExpiresAt } = answer.value;
  const rotateAt = rotationTime(options.clock.now(), tokenExpiresAt);
  const identity = { baseUrl, runnerId, runnerToken, settings, privateKey, rotateAt };
  await keepIdentity(disk, stateDir, identity);
  return identity;
}

function refusedEnd(failure: CallFailure): RunnerEnd {
  if (isRefused(failure, "upgrade_required")) return "upgrade_required";
  return isRefused(failure, "unauthorized") ? "unauthorized" : "refused";
}

/**
 * A kept identity is good unless the control plane says otherwise; silence says nothing. A newer process that it knows of was
 * another copy of this state folder, or this one before it was restored: the process that is started last is the one.
 */
async function isKnownThere(
  client: RunnerClient,
  identity: Identity,
  options: RunnerOptions,
  signal: AbortSignal,
): Promise<boolean> {
  client.setCredential(credentialOf(identity));
  const { version, labels, capacity } = options;
  const beat = { state: "active" as const, free: 0, spoolBytes: 0, version, labels, capacity };
  for (;;) {
    const result = await client.heartbeat({ ...beat, attempts: [], ackDirectives: [] }, { signal });
    if (result.ok || !isRefused(result.failure, "fenced") || result.failure.details.boot === undefined) {
      return result.ok || !isRefused(result.failure, "unauthorized");
    }
    const { boot } = result.failure.details;
    options.log.warn("another process spoke for this runner; this one takes its place", { boot });
    client.setBoot(await nextBoot(options.machine.disk, options.stateDir, options.ids, boot + 1));
  }
}
