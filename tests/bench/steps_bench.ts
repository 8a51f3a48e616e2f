/**
 * What the run core and the runner add to a host step: 1,000 steps `run: "true"` in one run, two at a time, beside the same
 * 1,000 processes spawned bare, two at a time. Rounds take turns, so that what the machine does meanwhile hits both.
 *
 * The runner's folder is in memory, since the question is what our code takes: a disk on which it is dear to create a file
 * (each step has three) adds its own.
 *
 *     deno task bench tests/bench/steps_bench.ts
 */
import { DEFAULT_SETTINGS } from "../../src/protocol/messages.ts";
import { newGrant, openRunnerBench } from "../support/runner-bench.ts";
import { ENV, spawnBare, STEPS, workflow } from "./processes.ts";

const ROUNDS = 5;

/** Milliseconds from the attempt's first event to its last. */
async function product(): Promise<number> {
  await using bench = await openRunnerBench(
    await Deno.makeTempDir({ dir: "/dev/shm", prefix: "dagu-bench-" }),
  );
  // The tests' own beats three hundred times as often.
  bench.plane.heartbeatMs = DEFAULT_SETTINGS.heartbeatMs;
  bench.plane.grants.push(await newGrant(workflow));
  await bench.start({ hostEnv: ENV, once: true }).end;
  const at = (type: string): number =>
    bench.plane.events.find((event) => event.type === type)?.mono ?? Number.NaN;
  return at("attempt.finished") - at("attempt.started");
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

const times = { product: [] as number[], bare: [] as number[] };
await product();
await spawnBare();
for (let round = 0; round < ROUNDS; round++) {
  times.product.push(await product());
  times.bare.push(await spawnBare());
}
const [ours, floor] = [median(times.product), median(times.bare)];
console.log(
  `${STEPS} host steps: ${ours.toFixed(0)} ms; the same processes bare: ${floor.toFixed(0)} ms; ratio ${
    (ours / floor).toFixed(2)
  }`,
);
