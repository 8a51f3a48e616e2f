/** Removes what was left of uploads that nobody will finish, and objects that nobody needs any more. */
import type { ServerPorts } from "../ports.ts";
import { deleteArtifacts, staleUploads } from "../store/artifacts.ts";
import { describeError } from "../store/failure.ts";
import { forgetGarbage, listGarbage, objectKey } from "../store/objects.ts";

/** Longer than any attempt may go on telling after its end, and than a runner may be away meanwhile. */
const UPLOAD_LIFE_MS = 24 * 3_600_000;
const AT_ONCE = 100;

export async function sweepUploads(ports: ServerPorts): Promise<void> {
  const before = new Date(ports.clock.now() - UPLOAD_LIFE_MS);
  await deleteArtifacts(ports.db, await staleUploads(ports.db, before, AT_ONCE));
  await removeGarbage(ports);
}

/** What cannot be removed now is tried again by the next tick. */
async function removeGarbage({ db, clock, log, objects }: ServerPorts): Promise<void> {
  if (objects === undefined) return;
  const now = new Date(clock.now());
  const garbage = await listGarbage(db, now, AT_ONCE);
  const removed = await Promise.all(
    garbage.map((object) =>
      objects.remove(objectKey(object)).then(() => [object], (error: unknown) => {
        log.warn("object not removed", { key: objectKey(object), error: describeError(error) });
        return [];
      })
    ),
  );
  await forgetGarbage(db, removed.flat(), now);
}
