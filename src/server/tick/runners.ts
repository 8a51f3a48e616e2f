/** Runners that nobody speaks for any more are listed no longer. */
import type { ServerPorts } from "../ports.ts";
import { forgetRunners } from "../store/runners.ts";

export async function sweepRunners({ db, clock }: ServerPorts): Promise<void> {
  await forgetRunners(db, new Date(clock.now()));
}
