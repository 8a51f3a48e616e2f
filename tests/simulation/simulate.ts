/**
 * `deno task simulate [--seed N] [--seeds COUNT] [--from N] [--minutes N --runs N]`: many worlds, or one of them with its
 * trace. Small ones, if nothing is said of their size.
 */
import { readNumbers } from "../support/flags.ts";
import { openSimulationBench } from "./bench.ts";

const flag = readNumbers(
  "deno task simulate [--seed N] [--seeds COUNT] [--from N] [--minutes N --runs N]",
  ["seed", "seeds", "from", "minutes", "runs"],
);

const one = flag("seed");
const from = one ?? flag("from") ?? 1;
const count = one === null ? flag("seeds") ?? 1_000 : 1;
const minutes = flag("minutes");
const runs = flag("runs");
const isSized = minutes !== null || runs !== null;
const size = { minutes: minutes ?? 500, runs: runs ?? 100 };
const how = isSized ? ` --minutes ${size.minutes} --runs ${size.runs}` : "";

await using bench = await openSimulationBench();
const startedAt = performance.now();
let failures = 0;
let simulated = 0;
for (let seed = from; seed < from + count; seed++) {
  const { violation, trace, minutes } = await bench.run(seed, isSized ? { size } : {});
  simulated += minutes;
  if (one !== null) { for (const line of trace) console.log(line); }
  if (violation === null) continue;
  failures++;
  console.error(`seed ${seed}: ${violation.message}\n  replay: deno task simulate --seed ${seed}${how}`);
}
const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
const hours = (simulated / 60).toFixed(1);
console.error(`${count} seeds from ${from}, ${failures} failed, ${hours} virtual hours in ${seconds} s`);
Deno.exitCode = failures === 0 ? 0 : 1;
