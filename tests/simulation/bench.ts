/** One embedded database and one gate for all the seeds of a process. */
import type { PGlite } from "@electric-sql/pglite";
import { openEmbeddedClient } from "../support/database.ts";
import type { Store } from "./database.ts";
import { openPrepared } from "./prepared.ts";
import { type Gate, openGate } from "./gate.ts";
import { simulate, type Simulated } from "./world.ts";

export interface SimulationBench extends AsyncDisposable {
  run(seed: number, mutate?: (store: Store) => Store): Promise<Simulated>;
}

export async function openSimulationBench(): Promise<SimulationBench> {
  const client: PGlite = await openEmbeddedClient();
  const store = await openPrepared(client);
  const gate: Gate = openGate();
  return {
    run: (seed, mutate) => simulate({ seed, store, gate, ...(mutate === undefined ? {} : { mutate }) }),
    [Symbol.asyncDispose]: async () => {
      gate[Symbol.dispose]();
      await client.close();
    },
  };
}
