/** One embedded database and one gate for all the seeds of a process. */
import type { PGlite } from "@electric-sql/pglite";
import { openEmbeddedClient } from "../support/database.ts";
import type { Store } from "./database.ts";
import { type Gate, openGate } from "./gate.ts";
import type { Size } from "./plan.ts";
import { openPrepared } from "./prepared.ts";
import { watch } from "./watch.ts";
import { simulate, type Simulated } from "./world.ts";

export interface SimulationBench extends AsyncDisposable {
  run(seed: number, options?: WorldOptions): Promise<Simulated>;
}

export interface WorldOptions {
  /** Absent: a small one. */
  readonly size?: Size;
  /** A way to make the product wrong, to see that it is noticed. */
  readonly mutate?: (store: Store) => Store;
}

export async function openSimulationBench(): Promise<SimulationBench> {
  const client: PGlite = await openEmbeddedClient();
  const store = await openPrepared(client);
  await watch(store);
  const gate: Gate = openGate();
  return {
    run: (seed, { size = null, mutate = (real: Store) => real } = {}) =>
      simulate({ seed, store, gate, size, mutate }),
    [Symbol.asyncDispose]: async () => {
      gate[Symbol.dispose]();
      await client.close();
    },
  };
}
