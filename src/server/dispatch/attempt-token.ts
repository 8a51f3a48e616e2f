/** Tokens of attempts (AU-41): made from the operator's key, so that a repeated claim is answered alike and none is stored. */
import type { Key, Keyring } from "../secrets/keyring.ts";
import { derive } from "../secrets/seal.ts";
import { digestToken, formatToken } from "../secrets/token.ts";
import { replaceTokenDigest } from "../store/attempts.ts";
import type { Executor } from "../store/db.ts";

export function newAttemptToken(keys: Keyring, attemptId: string, fence: number): string {
  return tokenUnder(keys[0], attemptId, fence);
}

/** The one that the attempt was given, or, when the key that it was made from is gone, another that takes its place. */
export async function attemptTokenOf(
  db: Executor,
  keys: Keyring,
  { attemptId: id, fence, tokenDigest }: {
    readonly attemptId: string;
    readonly fence: number;
    readonly tokenDigest: string;
  },
): Promise<string> {
  for (const key of keys) {
    const token = tokenUnder(key, id, fence);
    if (await digestToken(token) === tokenDigest) return token;
  }
  const token = newAttemptToken(keys, id, fence);
  await replaceTokenDigest(db, id, tokenDigest, await digestToken(token));
  return token;
}

function tokenUnder(key: Key, attemptId: string, fence: number): string {
  return formatToken("dagu_att_", derive(key, "attempt token", `${attemptId}:${fence}`));
}
