/** HMAC-SHA256 over raw bytes, compared in constant time (WH-22 to WH-26, FG-10). */
import { isEqualConstantTime } from "../secrets/token.ts";

export async function hmacSha256(secret: string, bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const key = await crypto.subtle.importKey(
    "raw",
    new TextEncoder().encode(secret),
    { name: "HMAC", hash: "SHA-256" },
    false,
    ["sign"],
  );
  return new Uint8Array(await crypto.subtle.sign("HMAC", key, bytes));
}

/** `sha256=` and 64 hex digits. */
export async function signatureOf(secret: string, bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return `sha256=${(await hmacSha256(secret, bytes)).toHex()}`;
}

/** Missing, malformed and wrong signatures are one and the same answer. */
export async function isSignedBy(
  secret: string,
  bytes: Uint8Array<ArrayBuffer>,
  header: string | null,
): Promise<boolean> {
  const match = /^sha256=([0-9a-f]{64})$/i.exec(header ?? "");
  if (match === null) return false;
  return isEqualConstantTime(
    await hmacSha256(secret, bytes),
    Uint8Array.fromHex((match[1] ?? "").toLowerCase()),
  );
}
