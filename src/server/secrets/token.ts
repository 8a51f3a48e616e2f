/** Bearer tokens: 256 bits of chance, known to the database by digest only (WH-30 to WH-32). */
import { sha256 } from "@noble/hashes/sha2.js";

const BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/** 58^3. */
const LIMB = 195_112;

export type TokenPrefix = "dagu_wh_" | "dagu_rrt_" | "dagu_rnr_" | "dagu_att_" | "dagu_";

/** `prefix` and the base58 form of the bytes. */
export function formatToken(prefix: TokenPrefix, bytes: Uint8Array): string {
  return prefix + base58(bytes);
}

export function base58(bytes: Uint8Array): string {
  // Limbs of three digits, the lowest first: all of it stays within whole numbers of 31 bits, which are quick.
  const limbs: number[] = [];
  for (const byte of bytes) {
    let carry = byte;
    for (let i = 0; i < limbs.length; i++) {
      const sum = (limbs[i] ?? 0) * 256 + carry;
      carry = (sum / LIMB) | 0;
      limbs[i] = sum - carry * LIMB;
    }
    if (carry > 0) limbs.push(carry);
  }
  let text = "";
  for (const limb of limbs) {
    const [high, middle, low] = [(limb / 3_364) | 0, ((limb / 58) | 0) % 58, limb % 58];
    text = BASE58.charAt(high) + BASE58.charAt(middle) + BASE58.charAt(low) + text;
  }
  return text.replace(/^1+/, "").padStart(Math.ceil(bytes.length * 8 / Math.log2(58)), "1");
}

/**
 * SHA-256 over a domain word and the token: what is stored and looked up. The token has full entropy, so a slow hash would
 * only be a lever for denial of service (WH-32).
 */
export function digestToken(token: string): Promise<string> {
  return Promise.resolve(sha256(new TextEncoder().encode(`dagu-edge token\n${token}`)).toHex());
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
