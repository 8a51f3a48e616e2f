/** The worlds of the suite. In halves, each a file of tests: files run side by side, and these take the longest. */
import assert from "node:assert/strict";
import { openSimulationBench } from "./bench.ts";

export function testWorlds(from: number, to: number): void {
  Deno.test(`5.10 EV-04 RP-24 the invariants of the checker hold in the worlds ${from} to ${to}, and everything comes to an end`, async () => {
    await using bench = await openSimulationBench();
    const broken: string[] = [];
    for (let seed = from; seed <= to; seed++) {
      const { violation, trace } = await bench.run(seed);
      if (violation === null) continue;
      broken.push(
        `${trace.join("\n")}\nseed ${seed}: ${violation.message}; deno task simulate --seed ${seed}`,
      );
    }
    assert.equal(broken.length, 0, broken.join("\n\n"));
  });
}
