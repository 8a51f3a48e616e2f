/** Preconditions: are they met, told one by one (workflow-language contract 4.11). */
import { matchesExpected } from "../workflow/condition.ts";
import { resolveText, type Scope } from "../workflow/reference.ts";
import type { Condition } from "../workflow/workflow.ts";
import type { Checks } from "./ports.ts";

export interface ConditionsResult {
  readonly isMet: boolean;
  /** One entry for each condition, in order. */
  readonly results: { condition: string; matched: boolean; error?: string }[];
}

export interface ConditionsEnvironment {
  readonly checks: Checks;
  readonly shell: readonly string[] | null;
  readonly workingDir: string | null;
}

/** All are looked at, in order, even after one was not met (S-68). Commands run on the runner's host, never in a container (3.9.4). */
export async function checkConditions(
  conditions: readonly Condition[],
  scope: Scope,
  environment: ConditionsEnvironment,
  signal: AbortSignal,
): Promise<ConditionsResult> {
  const results: ConditionsResult["results"] = [];
  for (const condition of conditions) {
    const isMet = await isConditionMet(condition, scope, environment, signal);
    const text = condition.kind === "command" ? condition.command : condition.condition;
    results.push({ condition: text, matched: isMet !== condition.negate });
  }
  return { isMet: results.every((result) => result.matched), results };
}

async function isConditionMet(
  condition: Condition,
  scope: Scope,
  environment: ConditionsEnvironment,
  signal: AbortSignal,
): Promise<boolean> {
  if (condition.kind === "match") {
    return matchesExpected(resolveText(condition.condition, scope, "scope"), condition.expected);
  }
  const command = resolveText(condition.command, scope, "shell");
  return await environment.checks.command(
    command,
    environment.shell,
    scope.env,
    environment.workingDir,
    signal,
  );
}
