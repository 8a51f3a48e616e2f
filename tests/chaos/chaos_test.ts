/** Real processes of every part are killed, stopped and cut off under load (RS-01, RS-03, INV-01 to INV-11). */
import { causeChaos } from "./chaos.ts";

Deno.test("chaos: runs end once, in the right state, with their whole log, whatever is killed meanwhile", async () => {
  const said: string[] = [];
  try {
    await causeChaos({ seed: 1, runs: 30, kills: 5, say: (line) => said.push(line) });
  } catch (error) {
    throw new Error(said.join("\n"), { cause: error });
  }
});
