/**
 * Seats of the runners that commands on one home bring along: each has an identity and a spool of its own, and all have the
 * folders of runs in common, so that a run that is tried again finds its folder whoever executes it.
 */
import { join } from "node:path";
import type { Home } from "./home.ts";

/** The first that is free: the home's own runner folder, if no other command runs a workflow on it. */
export async function freeSeat(home: Home): Promise<string> {
  for (let number = 1;; number++) {
    const dir = number === 1 ? home.runnerDir : join(seatsDir(home), String(number));
    await Deno.mkdir(dir, { recursive: true, mode: 0o755 });
    if (await isFree(dir)) return dir;
  }
}

/** Seats whose process was killed before it had told everything; the caller's own is none. */
export async function leftSeats(home: Home, own: string): Promise<string[]> {
  const numbers = await namesIn(seatsDir(home));
  const dirs = [home.runnerDir, ...numbers.map((number) => join(seatsDir(home), number))];
  const left: string[] = [];
  for (const dir of dirs) {
    if (dir !== own && (await namesIn(join(dir, "spool"))).length > 0 && await isFree(dir)) left.push(dir);
  }
  return left;
}

function seatsDir(home: Home): string {
  return join(home.runnerDir, "seats");
}

async function namesIn(dir: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(dir))).map(({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** Whoever takes it in the meantime is told apart by the runner itself. */
async function isFree(dir: string): Promise<boolean> {
  using lock = await Deno.open(join(dir, "runner.lock"), { create: true, write: true, mode: 0o600 });
  return await lock.tryLock(true);
}
