/** Whether a run that is taken now could be written down. */
import { join } from "node:path";
import type { Clock, Log } from "../run/ports.ts";
import type { Disk } from "./disk.ts";

/** What a run without much to say needs, and more than what is left over when a disk is called full. */
const ROOM_BYTES = 1_048_576;
const LOOK_MS = 5_000;

export interface Room {
  /** As it was when somebody looked last. */
  readonly isThere: boolean;
  /** Looks, unless somebody did a moment ago. */
  look(): Promise<void>;
}

/** A runner whose disk is full would be given one run after the other, and fail each at once: it leaves them to others. */
export function newRoom(
  disk: Disk,
  stateDir: string,
  { clock, log }: { readonly clock: Pick<Clock, "mono">; readonly log: Log },
): Room {
  const path = join(stateDir, "room");
  let isThere = true;
  let lookedAt = Number.NEGATIVE_INFINITY;
  return {
    get isThere(): boolean {
      return isThere;
    },
    look: async () => {
      if (clock.mono() - lookedAt < LOOK_MS) return;
      lookedAt = clock.mono();
      const problem = await disk.write(path, new Uint8Array(ROOM_BYTES)).then(() => null, String);
      await disk.remove(path);
      if (problem !== null && isThere) {
        log.error("no room on the disk: nothing new is taken until there is", { stateDir, reason: problem });
      } else if (problem === null && !isThere) log.info("room on the disk again");
      isThere = problem === null;
    },
  };
}
