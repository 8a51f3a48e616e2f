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

const STEPS = 1_000;
const AT_ONCE = 2;
const ROUNDS = 5;
const ENV = { PATH: "/usr/local/bin:/usr/bin:/bin" };

const workflow = `max_active_steps: ${AT_ONCE}
steps:
${Array.from({ length: STEPS }, (_, at) => `  - {id: s${at}, run: "true"}`).join("\n")}
`;

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

async function bare(): Promise<number> {
  const before = performance.now();
  let left = STEPS;
  const lane = async (): Promise<void> => {
    while (left-- > 0) {
      const { success } = await new Deno.Command("/usr/bin/setsid", {
        args: ["--", "/bin/sh", "-e", "-c", "true"],
        clearEnv: true,
        env: ENV,
        stdin: "null",
      }).output();
      if (!success) throw new Error("true failed");
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  return performance.now() - before;
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

const times = { product: [] as number[], bare: [] as number[] };
await product();
await bare();
for (let round = 0; round < ROUNDS; round++) {
  times.product.push(await product());
  times.bare.push(await bare());
}
const [ours, floor] = [median(times.product), median(times.bare)];
console.log(
  `${STEPS} host steps: ${ours.toFixed(0)} ms; the same processes bare: ${floor.toFixed(0)} ms; ratio ${
    (ours / floor).toFixed(2)
  }`,
);
