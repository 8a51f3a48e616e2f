/** The machine that a runner is on, as far as the runner itself touches it. What steps do there is the actions' own. */
import type { Actions } from "../run/ports.ts";
import { type ActionsOptions, newActions } from "./actions/open.ts";
import { systemClock } from "./clock.ts";
import { type Disk, machineDisk } from "./disk.ts";
import { type Keeping, removeOldRuns } from "./old-runs.ts";
import { killLeftovers } from "./process.ts";

export interface Machine {
  readonly hostName: string;
  /** Another one than before: the machine was started anew, and what was not on its disk is lost. "": it cannot tell. */
  readonly bootId: string;
  readonly disk: Disk;
  /** What executes the steps of one attempt. */
  newActions(options: ActionsOptions): Actions;
  /** Ends what an earlier process of the runner left running for the attempt (RS-01). */
  killLeftovers(attemptId: string): Promise<void>;
  /** Folders of runs that nobody will come back to. Never throws. */
  removeOldRuns(keeping: Keeping, nowMs: number): Promise<void>;
}

/** The one that this process is on. */
export function thisMachine(): Machine {
  const disk = machineDisk();
  return {
    hostName: Deno.hostname(),
    bootId: bootId(),
    disk,
    newActions,
    killLeftovers: (attemptId) => killLeftovers(systemClock(), attemptId),
    removeOldRuns: (keeping, nowMs) => removeOldRuns(disk, keeping, nowMs),
  };
}

function bootId(): string {
  try {
    return Deno.readTextFileSync("/proc/sys/kernel/random/boot_id").trim();
  } catch {
    return "";
  }
}
