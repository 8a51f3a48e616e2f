/** `deno task chaos [--runs N] [--kills N] [--seed N]`: as `chaos_test.ts`, for as long as asked. */
import { readNumbers } from "../support/flags.ts";
import { causeChaos } from "./chaos.ts";

const flag = readNumbers("deno task chaos [--runs N] [--kills N] [--seed N]", ["runs", "kills", "seed"]);

const startedAt = performance.now();
await causeChaos({
  seed: flag("seed") ?? 1 + Math.floor(Math.random() * 1_000_000),
  runs: flag("runs") ?? 2_000,
  kills: flag("kills") ?? 200,
  say: (line) => console.error(`${((performance.now() - startedAt) / 1000).toFixed(1)} s: ${line}`),
});
console.error(`all as it must be, ${((performance.now() - startedAt) / 1000).toFixed(0)} s`);
