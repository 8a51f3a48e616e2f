/**
 * Values for one runner's eyes (M11, SC-06): ECDH on P-256 with a key made for the occasion, HKDF-SHA256, AES-256-GCM. Whoever
 * carries the bytes, a proxy that ends TLS or a request log, sees nothing of the value.
 */
import * as v from "valibot";

const Coordinate = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{43}$/));

/** The public half of a runner's key, as a JSON Web Key (RFC 7518, 6.2). */
export const PublicKey = v.object({
  kty: v.literal("EC"),
  crv: v.literal("P-256"),
  x: Coordinate,
  y: Coordinate,
});
export type PublicKey = v.InferOutput<typeof PublicKey>;

export const PrivateKey = v.object({ ...PublicKey.entries, d: Coordinate });
export type PrivateKey = v.InferOutput<typeof PrivateKey>;

/** `iv` and `ct` are base64. */
export const Sealed = v.object({ epk: PublicKey, iv: v.string(), ct: v.string() });
export type Sealed = v.InferOutput<typeof Sealed>;

const CURVE = { name: "ECDH", namedCurve: "P-256" } as const;
const INFO = "dagu-edge sealed value v1";

export async function newPrivateKey(): Promise<PrivateKey> {
  const pair = await crypto.subtle.generateKey(CURVE, true, ["deriveBits"]);
  return v.parse(PrivateKey, await crypto.subtle.exportKey("jwk", pair.privateKey));
}

export function publicHalf({ kty, crv, x, y }: PrivateKey): PublicKey {
  return { kty, crv, x, y };
}

/** Whether it is a point of the curve. Some implementations notice only when they compute with it. */
export async function isUsable(key: PublicKey): Promise<boolean> {
  const occasion = await newPrivateKey();
  return await agree(occasion, key, publicHalf(occasion), ["encrypt"]).then(() => true, () => false);
}

/** `context` is authenticated with the value: it opens only where the same is given. */
export async function sealTo(
  recipient: PublicKey,
  text: string,
  context: string,
  random: (length: number) => Uint8Array,
): Promise<Sealed> {
  const occasion = await newPrivateKey();
  const epk = publicHalf(occasion);
  const key = await agree(occasion, recipient, epk, ["encrypt"]);
  const iv = new Uint8Array(random(12));
  const how = { name: "AES-GCM", iv, additionalData: utf8(context) };
  const ct = new Uint8Array(await crypto.subtle.encrypt(how, key, utf8(text)));
  return { epk, iv: iv.toBase64(), ct: ct.toBase64() };
}

/** null: sealed to another key, for another context, or damaged. */
export async function unseal(key: PrivateKey, sealed: Sealed, context: string): Promise<string | null> {
  try {
    const shared = await agree(key, sealed.epk, sealed.epk, ["decrypt"]);
    const iv = Uint8Array.fromBase64(sealed.iv);
    const how = { name: "AES-GCM", iv, additionalData: utf8(context) };
    const bytes = await crypto.subtle.decrypt(how, shared, Uint8Array.fromBase64(sealed.ct));
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** Both sides come to the same key; the occasion's public half is part of what it is derived from. */
async function agree(
  own: PrivateKey,
  other: PublicKey,
  epk: PublicKey,
  uses: ("encrypt" | "decrypt")[],
): Promise<CryptoKey> {
  const mine = await crypto.subtle.importKey("jwk", own, CURVE, false, ["deriveBits"]);
  const bits = await crypto.subtle.deriveBits({ name: "ECDH", public: await importPublic(other) }, mine, 256);
  const secret = await crypto.subtle.importKey("raw", bits, "HKDF", false, ["deriveKey"]);
  const how = { name: "HKDF", hash: "SHA-256", salt: utf8(`${epk.x}.${epk.y}`), info: utf8(INFO) };
  return await crypto.subtle.deriveKey(how, secret, { name: "AES-GCM", length: 256 }, false, uses);
}

async function importPublic(key: PublicKey): Promise<CryptoKey> {
  return await crypto.subtle.importKey("jwk", key, CURVE, false, []);
}

function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}
