/** Whether a step that ended is executed once more (workflow-language contract 4.14). */
import { resolveText } from "../workflow/reference.ts";
import { checkConditions } from "./conditions.ts";
import { delayMs, readNumber } from "./policy.ts";
import type { StepRun } from "./step.ts";
import type { EndedTry } from "./try.ts";

/** Milliseconds until the next execution; null: this was the last. `repeat`: executions before the one that ended. */
export async function wantsRepeat(
  run: StepRun,
  result: EndedTry,
  repeat: number,
  signal: AbortSignal,
): Promise<number | null> {
  const policy = run.step.repeat;
  if (policy === null || result.kind === "stopped" || signal.aborted) return null;
  const { scope, workingDir } = run.scope(null);
  // The condition sees what this execution published (S-92).
  const own = result.kind === "succeeded"
    ? Object.fromEntries(
      result.published.filter(({ kind }) => kind === "variable").map(({ name, value }) => [name, value]),
    )
    : {};
  const seen = { ...scope, env: { ...scope.env, ...own } };
  const limit = policy.limit === null ? 0 : readNumber(policy.limit, seen);
  if (limit > 0 && repeat + 1 >= limit) return null;
  const isHolding = policy.condition !== null
    ? (await checkConditions([policy.condition], seen, {
      checks: run.ports.checks,
      shell: run.workflow.shell?.map((word) => resolveText(word, seen, "scope")) ?? null,
      workingDir: run.actions.stepDir(workingDir),
    }, signal)).isMet
    : policy.exitCodes !== null
    ? policy.exitCodes.includes(result.exitCode ?? -1)
    : result.kind === "succeeded";
  if (isHolding !== (policy.mode === "while") || signal.aborted) return null;
  return delayMs(policy, repeat, seen);
}
