import assert from "node:assert/strict";
import { openSimulationBench } from "./bench.ts";
import { doubleRenewal, earlyAnswer, type Mutant, noFence } from "./mutants.ts";

const NOTICED_WITHIN = 50;

Deno.test("a seed decides everything: the same world twice is the same story", async () => {
  await using bench = await openSimulationBench();
  for (const seed of [3, 7, 11]) {
    const first = await bench.run(seed);
    await bench.run(seed + 1);
    assert.deepEqual(await bench.run(seed), first);
  }
});

const MUTANTS: readonly {
  readonly name: string;
  readonly make: () => Mutant;
  readonly noticedBy: readonly string[];
}[] = [
  { name: "who drops the fence check", make: () => noFence, noticedBy: ["INV-04", "INV-09", "INV-11"] },
  { name: "who answers before the commit", make: earlyAnswer, noticedBy: ["INV-06"] },
  { name: "who renews a lease twice", make: () => doubleRenewal, noticedBy: ["LO-01"] },
];

for (const { name, make, noticedBy } of MUTANTS) {
  Deno.test(`${name} is found within ${NOTICED_WITHIN} worlds`, async () => {
    await using bench = await openSimulationBench();
    let found: string | null = null;
    for (let seed = 1; seed <= NOTICED_WITHIN && found === null; seed++) {
      found = (await bench.run(seed, { mutate: make() })).violation?.invariant ?? null;
    }
    assert.ok(found !== null && noticedBy.includes(found), `noticed by ${found}`);
  });
}
