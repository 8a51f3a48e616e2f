/** Secrets at rest: AES-256-GCM under a key derived from the operator's master key, bound to what they are for. */
import { hkdf } from "@noble/hashes/hkdf.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
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
  const key = await deriveKey(masterKey, "seal");
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
  const key = await deriveKey(masterKey, "seal");
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
export function derive(masterKey: Uint8Array, purpose: string, text: string): Promise<Uint8Array> {
  const keys = derivers.get(masterKey) ?? new Map<string, Deriver>();
  derivers.set(masterKey, keys);
  const deriver = keys.get(purpose) ?? newDeriver(masterKey, purpose);
  keys.set(purpose, deriver);
  return Promise.resolve(deriver.clone().update(utf8(text)).digest());
}

type Deriver = ReturnType<typeof hmac.create>;

/**
 * A claim derives a token for every run that it takes, and the key behind all of them is the same. In this thread's own code:
 * for texts this short, the way to the platform's costs more than the work.
 */
const derivers = new WeakMap<Uint8Array, Map<string, Deriver>>();

function newDeriver(masterKey: Uint8Array, purpose: string): Deriver {
  const { salt, info } = hkdfOf(purpose);
  return hmac.create(sha256, hkdf(sha256, masterKey, salt, info, 32));
}

async function deriveKey(masterKey: Uint8Array, purpose: string): Promise<CryptoKey> {
  const base = await crypto.subtle.importKey("raw", new Uint8Array(masterKey), "HKDF", false, ["deriveKey"]);
  const uses: KeyUsage[] = ["encrypt", "decrypt"];
  return await crypto.subtle.deriveKey(hkdfOf(purpose), base, { name: "AES-GCM", length: 256 }, false, uses);
}

function hkdfOf(purpose: string) {
  return { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(0), info: utf8(`dagu-edge ${purpose}`) };
}

function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}
