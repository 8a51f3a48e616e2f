/**
 * The newest signature of each workflow that was executed here (SG-07): who holds the control plane could else bring back an
 * older text that was signed as well, with whatever was wrong in it.
 */
import { join } from "node:path";
import { isWorkflowName } from "../workflow/names.ts";
import type { Signature } from "../workflow/signature.ts";
import { type Disk, readText, writeText } from "./disk.ts";

interface Memory {
  readonly disk: Disk;
  /** Made when it is first needed. */
  readonly folder: string;
}

/** null: it is new enough, and remembered. The signature is known to be good. */
export async function rollbackProblem(
  { disk, folder }: Memory,
  { fileName, signedAt }: Pick<Signature, "fileName" | "signedAt">,
  maxRollbackMs: number,
): Promise<string | null> {
  const at = Date.parse(signedAt);
  if (Number.isNaN(at)) return `the definition's signature tells no time: ${signedAt}`;
  if (!isWorkflowName(fileName)) return `the definition was signed as ${fileName}, which is no name`;
  const path = join(folder, `${fileName}.signed`);
  const newest = await readText(disk, path);
  const newestAt = newest === "" ? Number.NEGATIVE_INFINITY : Date.parse(newest);
  if (at < newestAt - maxRollbackMs) {
    return `the definition was signed at ${signedAt}, and a newer one of ${fileName}, of ${newest}, was executed here`;
  }
  if (at > newestAt) {
    await disk.makeFolder(folder, 0o700);
    await writeText(disk, `${path}.new`, signedAt);
    await disk.rename(`${path}.new`, path);
  }
  return null;
}
