/** `deno task simulate [--seed N] [--seeds COUNT] [--from N]`: many worlds, or one of them with its trace. */
import { openSimulationBench } from "./bench.ts";

const flag = (name: string): number | null => {
  const at = Deno.args.indexOf(`--${name}`);
  return at === -1 ? null : Number(Deno.args[at + 1]);
};

const one = flag("seed");
const from = one ?? flag("from") ?? 1;
const count = one === null ? flag("seeds") ?? 1_000 : 1;

await using bench = await openSimulationBench();
const startedAt = performance.now();
let failures = 0;
for (let seed = from; seed < from + count; seed++) {
  const { violation, trace } = await bench.run(seed);
  if (one !== null) { for (const line of trace) console.log(line); }
  if (violation === null) continue;
  failures++;
  console.error(`seed ${seed}: ${violation.message}\n  replay: deno task simulate --seed ${seed}`);
}
const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
console.error(`${count} seeds from ${from}, ${failures} failed, ${seconds} s`);
Deno.exitCode = failures === 0 ? 0 : 1;
