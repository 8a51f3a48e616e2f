/**
 * How many generated texts the parser, and the resolver behind it, survive: each must be answered with a workflow or with
 * problems, never with a throw. Tells the slowest text and the most memory.
 *
 *     deno task bench tests/bench/survival.ts 1000000 [SEED]
 */
import fc from "fast-check";
import { parseWorkflow } from "../../src/workflow/parse.ts";
import { resolveText, type Scope, type Unqualified } from "../../src/workflow/reference.ts";
import { anyText } from "../support/hostile-text.ts";

const [count = "100000", seed = String(Date.now() % 1_000_000)] = Deno.args;
const BATCH = 10_000;
const scope: Scope = {
  consts: { A: "${A}" },
  params: { A: "`x`", "1": "one" },
  paramsJson: "{}",
  env: { A: "$A", B: "" },
  host: { HOME: "/" },
  published: () => ({ outputs: { out: "v" }, properties: { output: '{"a":[1]}' } }),
  context: { "run.id": "r" },
};
const MODES: readonly Unqualified[] = ["no", "scope", "host", "shell"];

let slowest = { ms: 0, text: "" };
let workflows = 0;
let memory = 0;
const before = performance.now();
for (let done = 0; done < Number(count); done += BATCH) {
  for (const text of fc.sample(anyText, { numRuns: BATCH, seed: Number(seed) + done })) {
    const start = performance.now();
    const { workflow, problems } = parseWorkflow(text, "load");
    for (const mode of MODES) resolveText(text, scope, mode);
    const ms = performance.now() - start;
    if (ms > slowest.ms) slowest = { ms, text };
    if (workflow !== null) workflows++;
    else if (!problems.some((problem) => problem.severity === "error")) {
      throw new Error(`neither workflow nor problem: ${JSON.stringify(text)}`);
    }
  }
  memory = Math.max(memory, Deno.memoryUsage().rss);
}
console.log(
  `${count} texts from seed ${seed}: none threw, ${workflows} were workflows; ` +
    `${((performance.now() - before) / 1000).toFixed(0)} s, the slowest ${slowest.ms.toFixed(0)} ms ` +
    `(${slowest.text.length} characters), at most ${(memory / 1e6).toFixed(0)} MB`,
);
