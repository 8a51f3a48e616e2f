/** Removes what was left of uploads that nobody will finish. */
import type { ServerPorts } from "../ports.ts";
import { deleteArtifacts, staleUploads } from "../store/artifacts.ts";

/** Longer than any attempt may go on telling after its end, and than a runner may be away meanwhile. */
const UPLOAD_LIFE_MS = 24 * 3_600_000;
const AT_ONCE = 100;

export async function sweepUploads(ports: ServerPorts): Promise<void> {
  const before = new Date(ports.clock.now() - UPLOAD_LIFE_MS);
  await deleteArtifacts(ports.db, await staleUploads(ports.db, before, AT_ONCE));
}
