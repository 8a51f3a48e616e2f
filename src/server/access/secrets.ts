/** Managed secrets: named values that people give to the control plane and that only runs are given back (AP-117, 7.6). */
import { type Refusal, refuse } from "../dispatch/refusal.ts";
import type { ServerPorts } from "../ports.ts";
import type { ServerSettings } from "../settings.ts";
import { addVersion, insertSecret, type SecretRow } from "../store/secrets.ts";
import { purposeOfSecret, seal } from "../secrets/seal.ts";

/** ID-07. */
const REF = /^[a-z0-9][a-z0-9-]*(\/[a-z0-9][a-z0-9-]*)*$/;
/** What is shorter cannot be masked without hiding half of every log (MK-02). */
const MASKABLE_LENGTH = 6;

export type SecretOutcome = { readonly ok: true; readonly secret: SecretRow } | Refusal;

export interface NewSecret {
  readonly ref: string;
  readonly description: string;
  /** null: given later. */
  readonly value: string | null;
  /** Takes a value that is too short to be masked. */
  readonly force: boolean;
}

export async function createSecret(
  ports: ServerPorts,
  settings: ServerSettings,
  { ref, description, value, force }: NewSecret,
): Promise<SecretOutcome> {
  if (!REF.test(ref) || ref.length > 255) {
    return refuse(
      "bad_request",
      `"${ref}" is no reference: lowercase letters, digits and -, in parts split by /`,
    );
  }
  const short = value === null || force ? null : refusalOfShort(value);
  if (short !== null) return short;
  const now = new Date(ports.clock.now());
  const secret = await insertSecret(ports.db, { id: ports.ids.uuid(), ref, description }, now);
  if (secret === null) return refuse("already_exists", `there is a secret ${ref} already`);
  return value === null ? { ok: true, secret } : await giveValue(ports, settings, secret, value, true);
}

export async function giveValue(
  ports: ServerPorts,
  settings: ServerSettings,
  { id, ref }: Pick<SecretRow, "id" | "ref">,
  value: string,
  force: boolean,
): Promise<SecretOutcome> {
  const short = force ? null : refusalOfShort(value);
  if (short !== null) return short;
  const sealAs = (version: number): Promise<Uint8Array> =>
    seal(settings.keys, purposeOfSecret(id, version), value, ports.random);
  const secret = await addVersion(ports.db, id, sealAs, new Date(ports.clock.now()));
  return secret === null ? refuse("not_found", `there is no secret ${ref}`) : { ok: true, secret };
}

function refusalOfShort(value: string): Refusal | null {
  return value.length >= MASKABLE_LENGTH ? null : refuse(
    "bad_request",
    `the value is shorter than ${MASKABLE_LENGTH} characters: it could not be masked in logs; with force it is taken`,
  );
}
