/** Preconditions: are they met, told one by one (workflow-language contract 4.11). */
import { matchesExpected } from "../workflow/condition.ts";
import { resolveText, type Scope } from "../workflow/reference.ts";
import type { Condition } from "../workflow/workflow.ts";
import { evaluateText } from "./evaluate.ts";
import type { Failure } from "./failure.ts";
import type { Checks, CommandPlace } from "./ports.ts";

export interface ConditionsResult {
  /** Every one of them is; never when one could not be evaluated. */
  readonly isMet: boolean;
  /** The first that could not be evaluated, which is neither met nor not met (S-72); null: all could. */
  readonly failure: Failure | null;
  /** One entry for each condition, in order. */
  readonly results: { condition: string; matched: boolean; error?: string }[];
}

export interface ConditionsEnvironment extends Pick<CommandPlace, "shell" | "workingDir"> {
  readonly checks: Checks;
}

/**
 * All are looked at, in order, even after one was not met (S-68). Commands run on the runner's host, never in
 * a container (3.9.4).
 */
export async function checkConditions(
  conditions: readonly Condition[],
  scope: Scope,
  environment: ConditionsEnvironment,
  signal: AbortSignal,
): Promise<ConditionsResult> {
  const results: ConditionsResult["results"] = [];
  let refused: Failure | null = null;
  for (const condition of conditions) {
    const verdict = await judge(condition, scope, environment, signal);
    if (verdict.kind === "refused") refused ??= verdict.failure;
    const text = condition.kind === "command" ? condition.command : condition.condition;
    results.push({
      condition: text,
      matched: verdict.kind === "told" && verdict.isMet !== condition.negate,
      ...(verdict.kind === "told" ? {} : { error: errorOf(verdict) }),
    });
  }
  const broken = results.find((result) => result.error !== undefined);
  return {
    isMet: results.every((result) => result.matched),
    failure: refused ?? (broken === undefined ? null : cannotEvaluate(broken)),
    results,
  };
}

const SHOWN_CHARS = 200;

/** The first that was not met, as its author wrote it: a value may be a secret. */
export function describeUnmet(
  conditions: readonly Condition[],
  results: ConditionsResult["results"],
): string {
  const condition = conditions[results.findIndex((result) => !result.matched)];
  if (condition === undefined) return "precondition not met";
  const text = condition.kind === "command" ? condition.command : condition.condition;
  const line = text.trim().replaceAll(/\s*\n\s*/g, "; ").slice(0, SHOWN_CHARS);
  const expected = condition.kind === "command" ? "" : ` (expected: ${condition.expected})`;
  return `precondition not met: ${condition.negate ? "not " : ""}${line}${expected}`;
}

type Verdict =
  /** The machine does not let it be looked at. */
  | { readonly kind: "refused"; readonly failure: Failure }
  | { readonly kind: "told"; readonly isMet: boolean }
  | { readonly kind: "error"; readonly message: string };

async function judge(
  condition: Condition,
  scope: Scope,
  { checks, shell, workingDir }: ConditionsEnvironment,
  signal: AbortSignal,
): Promise<Verdict> {
  const place = { shell, workingDir, env: scope.env };
  switch (condition.kind) {
    case "command": {
      const command = resolveText(condition.command, scope, "shell");
      const told = await checks.command(command, place, signal);
      return typeof told === "boolean" ? { kind: "told", isMet: told } : { kind: "refused", failure: told };
    }
    case "match": {
      const value = resolveText(condition.condition, scope, "scope");
      return { kind: "told", isMet: matchesExpected(value, condition.expected) };
    }
    case "eval": {
      const read = await evaluateText(condition.condition, scope, place, checks, signal);
      return read.ok
        ? { kind: "told", isMet: matchesExpected(read.value, condition.expected) }
        : { kind: "error", message: read.message };
    }
    default:
      return condition satisfies never;
  }
}

function errorOf(verdict: Exclude<Verdict, { kind: "told" }>): string {
  return verdict.kind === "refused" ? verdict.failure.message : verdict.message;
}

function cannotEvaluate({ condition, error }: { condition: string; error?: string }): Failure {
  return {
    code: "PRECONDITION_ERROR",
    message: `the precondition eval ${JSON.stringify(condition)} failed: ${error}`,
    remedy: "see that its commands end with exit code 0 within 2 s, or write a condition",
  };
}
