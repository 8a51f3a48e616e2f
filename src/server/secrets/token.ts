/** Bearer tokens: 256 bits of chance, known to the database by digest only (WH-30 to WH-32). */
import { sha256 } from "../../workflow/digest.ts";

const BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

export type TokenPrefix = "dagu_wh_" | "dagu_rrt_" | "dagu_rnr_" | "dagu_att_" | "dagu_";

/** `prefix` and the base58 form of the bytes. */
export function formatToken(prefix: TokenPrefix, bytes: Uint8Array): string {
  return prefix + base58(bytes);
}

export function base58(bytes: Uint8Array): string {
  let rest = bytes.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
  let text = "";
  for (; rest > 0n; rest /= 58n) text = BASE58.charAt(Number(rest % 58n)) + text;
  return text.padStart(Math.ceil(bytes.length * 8 / Math.log2(58)), "1");
}

/**
 * SHA-256 over a domain word and the token: what is stored and looked up. The token has full entropy, so a slow hash would
 * only be a lever for denial of service (WH-32).
 */
export async function digestToken(token: string): Promise<string> {
  return await sha256(`dagu-edge token\n${token}`);
}

/** First characters, kept for recognition. */
export function tokenPrefix(token: string): string {
  return token.slice(0, 12);
}

/** Takes the same time wherever the first difference is. */
export function isEqualConstantTime(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= (a[i] ?? 0) ^ (b[i] ?? 0);
  return difference === 0;
}

/** The text after `Bearer `, exactly so (WH-21); null otherwise. */
export function bearerOf(header: string | null | undefined): string | null {
  const match = /^Bearer (\S+)$/.exec(header ?? "");
  return match?.[1] ?? null;
}
