/** What waiting claims cost a control plane: processor time of this process, which does nothing else meanwhile. */
import { cpuUsage } from "node:process";
import type { RunnerRow } from "../../src/server/store/runners.ts";
import { claimNow, type DispatchBench } from "../support/dispatch.ts";

/** Share of one core while every runner waits for work, claim after claim. */
export async function idleCost(
  bench: DispatchBench,
  runners: readonly RunnerRow[],
  durationMs: number,
): Promise<number> {
  const until = performance.now() + durationMs;
  const usedBefore = cpuUsage();
  const before = performance.now();
  await Promise.all(runners.map(async (runner) => {
    while (performance.now() < until) {
      await claimNow(bench, runner, { waitMs: Math.max(0, Math.min(25_000, until - performance.now())) });
    }
  }));
  const used = cpuUsage(usedBefore);
  return (used.user + used.system) / 1_000 / (performance.now() - before);
}
