/**
 * Signed definitions (control-plane contract 7.11): somebody outside of the control plane vouches for a text, and whoever
 * executes it can tell. The signature travels as a tagged document behind the text, as the base does, so that one text with
 * one digest stays all that a run executes.
 */
import * as v from "valibot";
import { type Base, BASE_TAGS } from "./base.ts";
import { sha256 } from "./digest.ts";
import { parseJson } from "./json.ts";

const TAG = "!dagu-signature";

/** What is signed (SG-01): everything but `value`, as canonical JSON. */
export const Signature = v.object({
  v: v.literal(1),
  alg: v.literal("Ed25519"),
  workspace: v.string(),
  fileName: v.string(),
  /** `sha256:` of the text's exact bytes. */
  digest: v.string(),
  /** The same of the base's, as it is carried; "": the text is to be executed without one. */
  baseDigest: v.string(),
  keyId: v.string(),
  /** RFC 3339. */
  signedAt: v.string(),
  notAfter: v.optional(v.string()),
  allow: v.object({
    /** `declared`: values for declared parameters only, by their declarations. */
    params: v.picklist(["any", "declared"]),
  }),
  /** Base64. */
  value: v.string(),
});
export type Signature = v.InferOutput<typeof Signature>;
export type Signed = Omit<Signature, "value">;

/** The bytes that a signature is of: RFC 8785, of which texts and numbers without fraction are all that is needed. */
export function signedBytes(signed: Signed): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(canonical(signed));
}

function canonical(value: unknown): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).filter(([, one]) => one !== undefined);
  const sorted = entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${sorted.map(([key, one]) => `${JSON.stringify(key)}:${canonical(one)}`).join(",")}}`;
}

export async function digestOfText(text: string): Promise<string> {
  return `sha256:${await sha256(text)}`;
}

export async function digestOfBase(base: Base | null): Promise<string> {
  return base === null ? "" : await digestOfText(JSON.stringify(base));
}

/** The text with its signature behind it; a text that carries one already keeps that. */
export function withSignature(text: string, signature: Signature | null): string {
  if (signature === null || CARRIED.test(text)) return text;
  return `${text}${text.endsWith("\n") ? "" : "\n"}--- ${TAG} ${JSON.stringify(signature)}\n`;
}

/** Whether a document is the signature of those before it. */
export function isSignature(tag: string | null): boolean {
  return tag === TAG;
}

const CARRIED = new RegExp(`^--- ${TAG} `, "m");
const PARTS = new RegExp(
  `^(?<own>[^]*?)(?:^--- ${TAG} (?<signature>.+)\\n)?(?:^--- (?:${
    BASE_TAGS.join("|")
  }) (?<base>.+)\\n)?$(?![^])`,
  "m",
);

export interface Parts {
  /** As it was signed, but for a line end at its end that may have been added. */
  readonly own: string;
  readonly base: string | null;
  readonly signature: Signature | null;
}

/** What a text carries behind itself. Nothing may stand behind or between: it would be neither signed nor seen. */
export function partsOf(text: string): Parts {
  const { own = text, signature, base } = PARTS.exec(text)?.groups ?? {};
  const read = v.safeParse(Signature, parseJson(signature ?? ""));
  return { own, base: base ?? null, signature: read.success ? read.output : null };
}
