/** What happens to the parts of a rig: each fault is over, and everything is up again, when its promise resolves. */
import type { Random } from "../simulation/random.ts";
import type { Part } from "./part.ts";
import type { Rig } from "./rig.ts";

/** Longest time for which a part is away, ms. */
const AWAY_MS = 4_000;
/** In which a runner that is back has not yet gone on with all that it was in the middle of, ms. */
const BUSY_MS = 1_500;

export interface Fault {
  readonly name: string;
  /** A process is killed, not only stopped or cut off. */
  readonly isKill: boolean;
  happen(): Promise<void>;
}

/** The next fault, as the seed has it. */
export function drawFault(rig: Rig, random: Random): Fault {
  const away = random.between(0, AWAY_MS);
  const some = <T>(all: readonly T[]): T => {
    const one = all[random.between(0, all.length - 1)];
    if (one === undefined) throw new Error("the rig has no such part");
    return one;
  };
  const kill = (part: Part): Fault => ({
    name: `${part.name} is killed for ${away} ms`,
    isKill: true,
    happen: async () => {
      await part.kill();
      await pass(away);
      await part.start();
    },
  });
  const soon = random.between(0, BUSY_MS);
  const killAgain = (part: Part): Fault => ({
    name: `${part.name} is killed for ${away} ms, and again ${soon} ms after it is back`,
    isKill: true,
    happen: async () => {
      await kill(part).happen();
      await pass(soon);
      await part.kill();
      await part.start();
    },
  });
  const pause = (part: Part): Fault => ({
    name: `${part.name} stands still for ${away} ms`,
    isKill: false,
    happen: async () => {
      part.pause();
      await pass(away);
      part.resume();
    },
  });
  return random.pick([
    () => kill(some(rig.runners)),
    () => killAgain(some(rig.runners)),
    () => kill(some(rig.servers)),
    () => pause(some(rig.runners)),
    () => pause(some(rig.servers)),
    () => killPostgres(rig, away),
    () => cut(rig, random.between(0, rig.lines.length - 1), away),
  ])();
}

function killPostgres(rig: Rig, away: number): Fault {
  return {
    name: `Postgres is killed for ${away} ms`,
    isKill: true,
    happen: async () => {
      await rig.postgres.kill();
      await pass(away);
      await rig.postgres.start();
    },
  };
}

function cut(rig: Rig, index: number, away: number): Fault {
  return {
    name: `line ${index + 1} is cut for ${away} ms`,
    isKill: false,
    happen: async () => {
      const line = rig.lines[index];
      await line?.cut();
      await pass(away);
      line?.mend();
    },
  };
}

function pass(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
