/**
 * Secrets at rest, in an envelope (SC-01): AES-256-GCM under a key of the value's own, which is wrapped by the operator's. So a
 * change of that one touches no value.
 */
import { hkdf } from "@noble/hashes/hkdf.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { concat } from "../../run/bytes.ts";
import type { Key, Keyring } from "./keyring.ts";

const IV_BYTES = 12;
const DATA_KEY_BYTES = 32;
const TAG_BYTES = 16;
const WRAPPED_BYTES = IV_BYTES + DATA_KEY_BYTES + TAG_BYTES;
/** Before it: nothing sealed begins otherwise but what an earlier version sealed, whose beginning is chance. */
const MARK = new TextEncoder().encode("daguenv1");

type Random = (length: number) => Uint8Array;

/** `purpose` is authenticated with the text: a sealed value cannot be moved to another place. */
export async function seal(
  keys: Keyring,
  purpose: string,
  text: string,
  random: Random,
): Promise<Uint8Array> {
  const dataKey = new Uint8Array(random(DATA_KEY_BYTES));
  const envelope = await wrap(keys[0], purpose, dataKey, random);
  return concat([envelope, await encrypt(await valueKey(dataKey), purpose, utf8(text), random)]);
}

/** Of the token by which a forge's API knows an endpoint. */
export function purposeOfConnection(endpointId: string): string {
  return `connection ${endpointId}`;
}

/** Of one version of a managed secret: no other value can take its place. */
export function purposeOfSecret(secretId: string, version: number): string {
  return `secret ${secretId} version ${version}`;
}

/** null: sealed under another key, for another purpose, or damaged. */
export async function open(keys: Keyring, purpose: string, sealed: Uint8Array): Promise<string | null> {
  const envelope = readEnvelope(sealed);
  if (envelope === null) return await openPlain(keys, purpose, sealed);
  const dataKey = await unwrap(keys, purpose, envelope);
  const bytes = dataKey === null ? null : await decrypt(await valueKey(dataKey), purpose, envelope.value);
  return bytes === null ? null : textOf(bytes);
}

/** Moves a sealed value under the first key; the value itself stays as it is sealed. null: no key opens it. */
export async function rewrap(
  keys: Keyring,
  purpose: string,
  sealed: Uint8Array,
  random: Random,
): Promise<Uint8Array | null> {
  const envelope = readEnvelope(sealed);
  if (envelope === null) {
    const text = await openPlain(keys, purpose, sealed);
    return text === null ? null : await seal(keys, purpose, text, random);
  }
  const dataKey = await unwrap(keys, purpose, envelope);
  return dataKey === null ? null : concat([await wrap(keys[0], purpose, dataKey, random), envelope.value]);
}

/** 32 bytes that only the holder of the key can make again for the same text. */
export function derive(key: Key, purpose: string, text: string): Uint8Array {
  const known = derivers.get(key) ?? new Map<string, Deriver>();
  derivers.set(key, known);
  const deriver = known.get(purpose) ?? newDeriver(key, purpose);
  known.set(purpose, deriver);
  return deriver.clone().update(utf8(text)).digest();
}

type Deriver = ReturnType<typeof hmac.create>;

/**
 * A claim derives a token for every run that it takes, and the key behind all of them is the same. In this thread's own code:
 * for texts this short, the way to the platform's costs more than the work.
 */
const derivers = new WeakMap<Key, Map<string, Deriver>>();

function newDeriver(key: Key, purpose: string): Deriver {
  const { salt, info } = hkdfOf(purpose);
  return hmac.create(sha256, hkdf(sha256, key.bytes, salt, info, 32));
}

// ---- the envelope: mark, length and text of the key's id, wrapped data key, value --------------------------------

interface Envelope {
  readonly keyId: string;
  readonly wrapped: Uint8Array<ArrayBuffer>;
  readonly value: Uint8Array<ArrayBuffer>;
}

/** An earlier version sealed without: under an operator's key itself, which it did not name. */
export function isInEnvelope(sealed: Uint8Array): boolean {
  return MARK.every((byte, at) => sealed[at] === byte);
}

/** null: it is in none. */
function readEnvelope(sealed: Uint8Array): Envelope | null {
  const bytes = new Uint8Array(sealed);
  if (!isInEnvelope(bytes)) return null;
  const from = MARK.length + 1;
  const to = from + (bytes[MARK.length] ?? 0);
  return {
    keyId: new TextDecoder().decode(bytes.subarray(from, to)),
    wrapped: bytes.subarray(to, to + WRAPPED_BYTES),
    value: bytes.subarray(to + WRAPPED_BYTES),
  };
}

async function wrap(
  key: Key,
  purpose: string,
  dataKey: Uint8Array<ArrayBuffer>,
  random: Random,
): Promise<Uint8Array> {
  const id = utf8(key.id);
  const wrapping = await deriveKey(key.bytes, "wrap");
  const wrapped = await encrypt(wrapping, `data key of ${purpose}`, dataKey, random);
  return concat([MARK, Uint8Array.of(id.length), id, wrapped]);
}

async function unwrap(
  keys: Keyring,
  purpose: string,
  { keyId, wrapped }: Envelope,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const key = keys.find(({ id }) => id === keyId);
  if (key === undefined) return null;
  return await decrypt(await deriveKey(key.bytes, "wrap"), `data key of ${purpose}`, wrapped);
}

async function openPlain(keys: Keyring, purpose: string, sealed: Uint8Array): Promise<string | null> {
  for (const key of keys) {
    const bytes = await decrypt(
      await deriveKey(key.bytes, "seal"),
      purpose,
      new Uint8Array(sealed),
    );
    if (bytes !== null) return textOf(bytes);
  }
  return null;
}

// ---- keys and ciphers -------------------------------------------------------------------------------------------

async function encrypt(
  key: CryptoKey,
  purpose: string,
  bytes: Uint8Array<ArrayBuffer>,
  random: Random,
): Promise<Uint8Array> {
  const iv = new Uint8Array(random(IV_BYTES));
  const how = { name: "AES-GCM", iv, additionalData: utf8(purpose) };
  return concat([iv, new Uint8Array(await crypto.subtle.encrypt(how, key, bytes))]);
}

/** null: it is of another key or purpose, or damaged. */
async function decrypt(
  key: CryptoKey,
  purpose: string,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const how = { name: "AES-GCM", iv: bytes.subarray(0, IV_BYTES), additionalData: utf8(purpose) };
  try {
    return new Uint8Array(await crypto.subtle.decrypt(how, key, bytes.subarray(IV_BYTES)));
  } catch {
    return null;
  }
}

async function valueKey(bytes: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  return await crypto.subtle.importKey("raw", bytes, "AES-GCM", false, ["encrypt", "decrypt"]);
}

async function deriveKey(key: Uint8Array<ArrayBuffer>, purpose: string): Promise<CryptoKey> {
  const base = await crypto.subtle.importKey("raw", key, "HKDF", false, ["deriveKey"]);
  const uses: KeyUsage[] = ["encrypt", "decrypt"];
  return await crypto.subtle.deriveKey(hkdfOf(purpose), base, { name: "AES-GCM", length: 256 }, false, uses);
}

function hkdfOf(purpose: string) {
  return { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(0), info: utf8(`dagu-edge ${purpose}`) };
}

/** As it was sealed, a mark of the byte order at its beginning too. */
function textOf(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}

function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}
