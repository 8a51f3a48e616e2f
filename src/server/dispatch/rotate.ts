/** A runner's token is made anew (M2): the old one stays good until the new one has arrived, or for an hour. */
import type { RotateReply } from "../../protocol/messages.ts";
import { PublicKey, sealTo } from "../../protocol/sealing.ts";
import * as v from "valibot";
import type { ServerPorts } from "../ports.ts";
import { digestToken } from "../secrets/token.ts";
import type { ServerSettings } from "../settings.ts";
import { insertDirective } from "../store/attempts.ts";
import { endPreviousToken, replaceToken, runnerByToken, type RunnerRow } from "../store/runners.ts";
import type { ReportRefusal } from "./caller.ts";
import { runnerToken, runnerTokens, TOKEN_LIFE_MS } from "./runner-token.ts";

const PREVIOUS_LIFE_MS = 3_600_000;
/** What was sent with the old token before the new one was known may still be on its way. */
const AFTERLIFE_MS = 300_000;

export interface KnownRunner {
  readonly runner: RunnerRow;
  /** It spoke with the token before its current one. */
  readonly isPrevious: boolean;
}

/** Whose token it is; null: nobody's that may speak. The first use of a new token ends the old one's time. */
export async function whoSpeaks(ports: ServerPorts, token: string): Promise<KnownRunner | null> {
  const digest = await digestToken(token);
  const runner = await runnerByToken(ports.db, digest);
  if (runner === null || runner.state === "revoked" || runner.state === "gone") return null;
  const now = ports.clock.now();
  const previousUntil = runner.previousUntil?.getTime() ?? 0;
  const isPrevious = runner.tokenDigest !== digest;
  if ((isPrevious ? previousUntil : runner.tokenExpiresAt.getTime()) <= now) return null;
  if (!isPrevious && previousUntil > now + AFTERLIFE_MS) {
    await endPreviousToken(ports.db, runner.id, new Date(now + AFTERLIFE_MS));
  }
  return { runner, isPrevious };
}

/** The runner changes its token as soon as it hears of it. */
export async function askForRotation(ports: ServerPorts, runner: Pick<RunnerRow, "id">): Promise<void> {
  const directive = {
    id: ports.ids.uuid(),
    runnerId: runner.id,
    attemptId: null,
    type: "rotate_token",
    data: {},
  };
  await insertDirective(ports.db, directive, new Date(ports.clock.now()));
  ports.wake.notify(`runner:${runner.id}`);
}

export type Rotated = { readonly ok: true; readonly reply: RotateReply } | ReportRefusal;

export async function rotateToken(
  ports: ServerPorts,
  settings: ServerSettings,
  { runner, isPrevious }: KnownRunner,
): Promise<Rotated> {
  const now = ports.clock.now();
  const generation = runner.tokenGeneration + 1;
  const token = await runnerToken(settings, runner.id, generation);
  const tokenExpiresAt = new Date(now + TOKEN_LIFE_MS);
  const isNew = !isPrevious && await replaceToken(ports.db, runner, {
    digest: await digestToken(token),
    expiresAt: tokenExpiresAt,
    previousUntil: new Date(Math.min(now + PREVIOUS_LIFE_MS, runner.tokenExpiresAt.getTime())),
  });
  if (isNew) return { ok: true, reply: { runnerToken: token, tokenExpiresAt: tokenExpiresAt.toISOString() } };
  return await repeat(ports, settings, runner, isPrevious ? runner.tokenGeneration : generation);
}

/**
 * The answer was lost, or two questions came at once. Who asks has shown only an old token, which may have been stolen: the
 * new one is for the holder of the key alone.
 */
async function repeat(
  ports: ServerPorts,
  settings: ServerSettings,
  runner: RunnerRow,
  generation: number,
): Promise<Rotated> {
  let token = "";
  let current: RunnerRow | null = null;
  for (const one of await runnerTokens(settings, runner.id, generation)) {
    const known = await runnerByToken(ports.db, await digestToken(one));
    if (known !== null) [token, current] = [one, known];
  }
  if (current === null || !v.is(PublicKey, runner.publicKey)) {
    const message =
      "the token was made anew already, and the runner has no key to seal it to; register it again";
    return { ok: false, code: "conflict", message };
  }
  const sealed = await sealTo(runner.publicKey, token, runner.id, ports.random);
  return { ok: true, reply: { sealed, tokenExpiresAt: current.tokenExpiresAt.toISOString() } };
}
