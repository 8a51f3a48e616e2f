/** The runner's token is made anew long before it ends (M2), and when the control plane asks for it. */
import type { RunnerClient } from "../protocol/client.ts";
import { resend, type ResendPorts } from "../protocol/resend.ts";
import { unseal } from "../protocol/sealing.ts";
import type { Log } from "../run/ports.ts";
import type { Disk } from "./disk.ts";
import { credentialOf, type Identity, keepIdentity } from "./identity.ts";

export interface Rotation {
  /** As soon as the control plane answers. */
  soon(): void;
  run(signal: AbortSignal): Promise<void>;
}

interface Ports extends ResendPorts {
  readonly client: RunnerClient;
  readonly disk: Disk;
  readonly log: Log;
}

/** No timer is asked for more at once: clocks are set, machines sleep. */
const LOOK_MS = 3_600_000;
/** After a refusal, so that a control plane that says no is not asked without end. */
const PAUSE_MS = 600_000;

/** Two thirds of the way from `now` to the token's end, epoch ms. */
export function rotationTime(now: number, tokenExpiresAt: string): number {
  const leftMs = Date.parse(tokenExpiresAt) - now;
  return Math.floor(now + leftMs * 2 / 3);
}

export function newRotation(ports: Ports, stateDir: string, given: Identity): Rotation {
  let identity = given;
  let asked = new AbortController();

  /** false: not now. The new token is on the disk before it is used, so that a crash in between loses neither. */
  async function rotate(signal: AbortSignal): Promise<boolean> {
    const answer = await resend(ports, { signal }, (call) => ports.client.rotate(call));
    if (!answer.ok) {
      if (answer.failure.kind === "aborted") return false;
      ports.log.warn("the runner's token was not made anew", { reason: answer.failure.message });
      return false;
    }
    const { runnerToken, sealed, tokenExpiresAt } = answer.value;
    const { privateKey, runnerId } = identity;
    const opened = sealed === undefined || privateKey === undefined
      ? runnerToken
      : await unseal(privateKey, sealed, runnerId);
    if (opened === undefined || opened === null) {
      ports.log.warn("the runner's new token cannot be read", { runner: runnerId });
      return false;
    }
    const rotateAt = rotationTime(ports.clock.now(), tokenExpiresAt);
    const next = { ...identity, runnerToken: opened, previousToken: identity.runnerToken, rotateAt };
    try {
      await keepIdentity(ports.disk, stateDir, next);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      ports.log.warn("the runner's new token cannot be kept", { runner: runnerId, reason });
      return false;
    }
    identity = next;
    ports.client.setCredential({ ...credentialOf(identity), onPrevious: soon });
    ports.log.info("the runner's token was made anew", { runner: runnerId, goodUntil: tokenExpiresAt });
    return true;
  }

  const soon = (): void => asked.abort();

  return {
    soon,
    run: async (signal) => {
      while (!signal.aborted) {
        const dueMs = (identity.rotateAt ?? Number.POSITIVE_INFINITY) - ports.clock.now();
        const isAsked = asked.signal.aborted;
        if (isAsked) asked = new AbortController();
        if (!isAsked && dueMs > 0) {
          await ports.clock.sleep(Math.min(dueMs, LOOK_MS), AbortSignal.any([signal, asked.signal]));
        } else if (!await rotate(signal)) await ports.clock.sleep(PAUSE_MS, signal);
      }
    },
  };
}
