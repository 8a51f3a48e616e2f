/** Secrets at rest: AES-256-GCM under a key derived from the operator's master key, bound to what they are for. */
import { concat } from "../../run/bytes.ts";

const IV_BYTES = 12;

/** `purpose` is authenticated with the text: a sealed value cannot be moved to another place. */
export async function seal(
  masterKey: Uint8Array,
  purpose: string,
  text: string,
  random: (length: number) => Uint8Array,
): Promise<Uint8Array> {
  const iv = new Uint8Array(random(IV_BYTES));
  const key = await deriveKey(masterKey, "seal", "AES-GCM");
  const sealed = new Uint8Array(
    await crypto.subtle.encrypt(
      { name: "AES-GCM", iv, additionalData: utf8(purpose) },
      key,
      utf8(text),
    ),
  );
  return concat([iv, sealed]);
}

/** Of one version of a managed secret: no other value can take its place. */
export function purposeOfSecret(secretId: string, version: number): string {
  return `secret ${secretId} version ${version}`;
}

/** null: sealed under another key, for another purpose, or damaged. */
export async function open(
  masterKey: Uint8Array,
  purpose: string,
  sealed: Uint8Array,
): Promise<string | null> {
  const key = await deriveKey(masterKey, "seal", "AES-GCM");
  const bytes = new Uint8Array(sealed);
  try {
    const text = await crypto.subtle.decrypt(
      { name: "AES-GCM", iv: bytes.subarray(0, IV_BYTES), additionalData: utf8(purpose) },
      key,
      bytes.subarray(IV_BYTES),
    );
    return new TextDecoder().decode(text);
  } catch {
    return null;
  }
}

/** 32 bytes that only the holder of the master key can make again for the same text. */
export async function derive(masterKey: Uint8Array, purpose: string, text: string): Promise<Uint8Array> {
  const key = await deriveKey(masterKey, purpose, "HMAC");
  return new Uint8Array(await crypto.subtle.sign("HMAC", key, utf8(text)));
}

async function deriveKey(
  masterKey: Uint8Array,
  purpose: string,
  algorithm: "AES-GCM" | "HMAC",
): Promise<CryptoKey> {
  const base = await crypto.subtle.importKey("raw", new Uint8Array(masterKey), "HKDF", false, ["deriveKey"]);
  const how = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(0), info: utf8(`dagu-edge ${purpose}`) };
  return algorithm === "AES-GCM"
    ? await crypto.subtle.deriveKey(how, base, { name: "AES-GCM", length: 256 }, false, [
      "encrypt",
      "decrypt",
    ])
    : await crypto.subtle.deriveKey(how, base, { name: "HMAC", hash: "SHA-256", length: 256 }, false, [
      "sign",
    ]);
}

function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}
