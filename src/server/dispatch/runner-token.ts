/** Tokens of runners (M1, M2): made from the operator's key, so that the question for one can be repeated without its being stored. */
import type { Key } from "../secrets/keyring.ts";
import { derive } from "../secrets/seal.ts";
import { formatToken } from "../secrets/token.ts";
import type { ServerSettings } from "../settings.ts";

export const TOKEN_LIFE_MS = 30 * 24 * 3_600_000;

export async function runnerToken(
  { keys }: Pick<ServerSettings, "keys">,
  runnerId: string,
  generation: number,
): Promise<string> {
  return await tokenUnder(keys[0], runnerId, generation);
}

/** The same under each of the operator's keys: it may have changed since the token was made. */
export async function runnerTokens(
  { keys }: Pick<ServerSettings, "keys">,
  runnerId: string,
  generation: number,
): Promise<string[]> {
  return await Promise.all(keys.map((key) => tokenUnder(key, runnerId, generation)));
}

async function tokenUnder(key: Key, runnerId: string, generation: number): Promise<string> {
  return formatToken("dagu_rnr_", await derive(key, "runner token", `${runnerId}:${generation}`));
}
