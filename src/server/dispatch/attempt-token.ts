/** Tokens of attempts (AU-41): made from the operator's key, so that a repeated claim is answered alike and none is stored. */
import type { Key, Keyring } from "../secrets/keyring.ts";
import { derive } from "../secrets/seal.ts";
import { digestToken, formatToken } from "../secrets/token.ts";
import { type AttemptRow, replaceTokenDigest } from "../store/attempts.ts";
import type { Db } from "../store/db.ts";

export async function newAttemptToken(keys: Keyring, attemptId: string, fence: number): Promise<string> {
  return await tokenUnder(keys[0], attemptId, fence);
}

/** The one that the attempt was given, or, when the key that it was made from is gone, another that takes its place. */
export async function attemptTokenOf(
  db: Db,
  keys: Keyring,
  { id, fence, tokenDigest }: Pick<AttemptRow, "id" | "fence" | "tokenDigest">,
): Promise<string> {
  for (const key of keys) {
    const token = await tokenUnder(key, id, fence);
    if (await digestToken(token) === tokenDigest) return token;
  }
  const token = await newAttemptToken(keys, id, fence);
  await replaceTokenDigest(db, id, tokenDigest, await digestToken(token));
  return token;
}

async function tokenUnder(key: Key, attemptId: string, fence: number): Promise<string> {
  return formatToken("dagu_att_", await derive(key, "attempt token", `${attemptId}:${fence}`));
}
