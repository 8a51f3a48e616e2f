/** Texts and payloads go when nothing uses them any more: runs that did were deleted. */
import type { ServerPorts } from "../ports.ts";
import { deleteUnusedBlobs } from "../store/blobs.ts";

export async function sweepBlobs({ db, clock }: ServerPorts): Promise<void> {
  await deleteUnusedBlobs(db, new Date(clock.now()));
}
