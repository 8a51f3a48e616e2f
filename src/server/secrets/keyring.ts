/**
 * The operator's keys (SC-02): 32 random bytes each, by id. The first seals; the others open what was sealed under them, until
 * it has been moved to the first.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import * as v from "valibot";

export interface Key {
  /** Stands beside what is sealed under it, so that a missing key can be named. */
  readonly id: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export type Keyring = readonly [Key, ...Key[]];

const KEY_BYTES = 32;
const Id = /^[A-Za-z0-9][\w.-]{0,62}$/;

/** How `DAGU_ENCRYPTION_KEYS` may look, for people. */
export const KEYS_FORM =
  "must be keys separated by commas, each ID:KEY or KEY, where KEY is the base64 form of 32 bytes; make one with: openssl rand -base64 32";

/** `id:base64,base64,...`; a key without an id is named by its digest. null: it is not of that form, or two have one id. */
export function readKeys(text: string): Keyring | null {
  const read = text.split(",").map((part) => readKey(part.trim()));
  const keys = read.filter((key) => key !== null);
  const [first, ...others] = keys;
  const isWhole = keys.length === read.length && new Set(keys.map(({ id }) => id)).size === keys.length;
  return first === undefined || !isWhole ? null : [first, ...others];
}

/** The same, of a binding. */
export const Keys = v.pipe(
  v.string(),
  v.rawTransform(({ dataset, addIssue, NEVER }): Keyring => {
    const keys = readKeys(dataset.value);
    if (keys !== null) return keys;
    addIssue({ message: KEYS_FORM });
    return NEVER;
  }),
);

function readKey(text: string): Key | null {
  const colon = text.indexOf(":");
  const bytes = decodeKey(text.slice(colon + 1));
  if (bytes === null || (colon !== -1 && !Id.test(text.slice(0, colon)))) return null;
  return colon === -1 ? keyOf(bytes) : { id: text.slice(0, colon), bytes };
}

/** Named by its digest, of which too little is told to be of use. */
export function keyOf(bytes: Uint8Array<ArrayBuffer>): Key {
  return { id: `k-${sha256(bytes).toHex().slice(0, 8)}`, bytes };
}

export function decodeKey(text: string): Uint8Array<ArrayBuffer> | null {
  try {
    const bytes = Uint8Array.fromBase64(text);
    return bytes.length === KEY_BYTES ? bytes : null;
  } catch {
    return null;
  }
}
