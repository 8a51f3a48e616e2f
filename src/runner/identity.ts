/** Who this runner is, kept over restarts: `runner.json` of the state folder, readable by its user only. */
import { join } from "node:path";
import * as v from "valibot";
import { Settings } from "../protocol/messages.ts";
import { PrivateKey } from "../protocol/sealing.ts";
import { EpochMs } from "../run/event.ts";
import { Uuid } from "../run/ids.ts";
import type { Ids } from "../run/ports.ts";
import { type Disk, readText, writeText } from "./disk.ts";

const Identity = v.object({
  baseUrl: v.string(),
  runnerId: Uuid,
  /** Never logged, as little as the private key. */
  runnerToken: v.string(),
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
