/** Who this runner is, kept over restarts: `runner.json` of the state folder, readable by its user only. */
import { join } from "node:path";
import * as v from "valibot";
import { Settings } from "../protocol/messages.ts";
import { PrivateKey } from "../protocol/sealing.ts";
import { EpochMs } from "../run/event.ts";
import { Uuid } from "../run/ids.ts";
import type { Ids } from "../run/ports.ts";
import type { Boot } from "../protocol/boot.ts";
import type { Credential } from "../protocol/client.ts";
import { type Disk, readText, writeText } from "./disk.ts";

const Identity = v.object({
  baseUrl: v.string(),
  runnerId: Uuid,
  /** Never logged, as little as the private key. */
  runnerToken: v.string(),
  /** The one before, tried when this one is refused. */
  previousToken: v.optional(v.string()),
  settings: Settings,
  /** What only this runner can unseal with; an identity of an earlier version has none. */
  privateKey: v.optional(PrivateKey),
  /** Epoch ms at which the token is to be made anew; that of an earlier version is good for long. */
  rotateAt: v.optional(EpochMs),
});
export type Identity = v.InferOutput<typeof Identity>;

/** null: not registered yet, or with another control plane. */
export async function readIdentity(
  disk: Disk,
  stateDir: string,
  baseUrl: string,
): Promise<Identity | null> {
  try {
    const json: unknown = JSON.parse(await readText(disk, join(stateDir, "runner.json")));
    const parsed = v.safeParse(Identity, json);
    return parsed.success && parsed.output.baseUrl === baseUrl ? parsed.output : null;
  } catch {
    return null;
  }
}

/** Written whole or not at all. */
export async function keepIdentity(disk: Disk, stateDir: string, identity: Identity): Promise<void> {
  const path = join(stateDir, "runner.json");
  await writeText(disk, `${path}.new`, JSON.stringify(identity, null, 2) + "\n");
  await disk.rename(`${path}.new`, path);
}

/** Names this machine's state folder to the control plane; made once. */
export async function machineId(disk: Disk, stateDir: string, ids: Ids): Promise<string> {
  const path = join(stateDir, "machine-id");
  const known = (await readText(disk, path)).trim();
  if (v.is(Uuid, known)) return known;
  const made = ids.uuid();
  await writeText(disk, path, made + "\n");
  return made;
}

export function credentialOf({ runnerId, runnerToken, previousToken }: Identity): Credential {
  return { runnerId, token: runnerToken, ...(previousToken === undefined ? {} : { previousToken }) };
}

const BOOTS_MAX_LENGTH = 65_536;

/**
 * This process's number among those that had the state folder: one more than any before, also after a loss of power. Lines are
 * added, so that one which is cut short takes no earlier one away.
 */
export async function nextBoot(disk: Disk, stateDir: string, ids: Ids, atLeast = 1): Promise<Boot> {
  const path = join(stateDir, "boots");
  const text = await readText(disk, path);
  const last = text.split("\n").map(Number).filter((n) => Number.isSafeInteger(n)).reduce(
    (a, b) => Math.max(a, b),
    0,
  );
  const number = Math.max(atLeast, last + 1);
  const isLong = text.length > BOOTS_MAX_LENGTH;
  const file = disk.openAppend(isLong ? `${path}.new` : path);
  try {
    await file.write(new TextEncoder().encode(`\n${number}\n`));
    await file.sync();
  } finally {
    file.close();
  }
  if (isLong) await disk.rename(`${path}.new`, path);
  return { number, id: ids.uuid() };
}
