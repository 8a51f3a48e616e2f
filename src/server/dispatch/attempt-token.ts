/** Tokens of attempts (AU-41): made from the operator's key, so that a repeated claim is answered alike and none is stored. */
import type { Key, Keyring } from "../secrets/keyring.ts";
import { derive } from "../secrets/seal.ts";
import { formatToken } from "../secrets/token.ts";

/** Of a run's first attempt. */
export const FIRST_FENCE = 1;

export function newAttemptToken(keys: Keyring, attemptId: string, fence: number): string {
  return tokenUnder(keys[0], attemptId, fence);
}

/** What it may be under each of the keys, the current one first. */
export function attemptTokens(keys: Keyring, attemptId: string, fence: number): string[] {
  return keys.map((key) => tokenUnder(key, attemptId, fence));
}

function tokenUnder(key: Key, attemptId: string, fence: number): string {
  return formatToken("dagu_att_", derive(key, "attempt token", `${attemptId}:${fence}`));
}
