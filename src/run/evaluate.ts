/**
 * Texts that the service executes: `eval` of preconditions and of parameters (workflow-language contract
 * 2.12).
 */
import { completePayload } from "../workflow/inputs.ts";
import { checkParam } from "../workflow/param-value.ts";
import { resolveText, type Scope } from "../workflow/reference.ts";
import { readSubstitutions } from "../workflow/substitution.ts";
import type { ParamDeclaration, Workflow } from "../workflow/workflow.ts";
import type { Failure } from "./failure.ts";
import type { RunInputs, RunParams } from "./inputs.ts";
import { isFailure } from "./outcome.ts";
import type { Checks, CommandPlace } from "./ports.ts";
import { knownWorkingDir, newRunScope } from "./scope.ts";
import { own } from "../workflow/own.ts";

export type Evaluated =
  | { readonly ok: true; readonly value: string }
  | { readonly ok: false; readonly message: string };

/** References, then names of the environment, then each command by itself, from left to right (V-57). */
export async function evaluateText(
  text: string,
  scope: Scope,
  place: CommandPlace,
  checks: Checks,
  signal: AbortSignal,
): Promise<Evaluated> {
  const read = readSubstitutions(text);
  if (!read.ok) return read;
  let value = "";
  for (const part of read.parts) {
    const resolved = resolveText(part.text, scope, "host");
    if (part.kind === "text") {
      value += resolved;
      continue;
    }
    const substituted = await checks.substitute(resolved, place, signal);
    if (!substituted.ok) {
      return { ok: false, message: `command ${JSON.stringify(part.text)}: ${substituted.message}` };
    }
    value += substituted.text;
  }
  return { ok: true, value };
}

// ---- parameters (3.1) -------------------------------------------------------------------------------------------

export interface EvaluatedParams {
  readonly params: RunParams;
  /** An `eval` that failed and whose default was taken. */
  readonly warnings: readonly string[];
}

/**
 * The run's parameters with those that are to be computed, in source order. An `eval` sees the earlier ones
 * and all that the caller gave; its own and later references stay literal (P-04). Nothing is executed for a
 * value that the caller gave.
 */
export async function evaluateParams(
  workflow: Workflow,
  inputs: RunInputs,
  checks: Checks,
  startedAt: number,
  signal: AbortSignal,
): Promise<EvaluatedParams | Failure> {
  const { values, json, given } = inputs.params;
  const { entries } = workflow.params;
  const isGiven = (name: string): boolean => given?.includes(name) ?? true;
  if (entries.every((entry) => entry.eval === null || isGiven(entry.name))) {
    return { params: inputs.params, warnings: [] };
  }
  const known = Object.fromEntries(Object.entries(values).filter(([name]) => isGiven(name)));
  const computed: Record<string, string> = {};
  const warnings: string[] = [];
  for (const [index, entry] of entries.entries()) {
    const { name } = entry;
    if (isGiven(name)) continue;
    if (entry.eval !== null) {
      const params = { values: known, json: completePayload("{}", known) };
      const { scope, place } = surroundings(workflow, { ...inputs, params }, startedAt);
      const read = await evaluateText(entry.eval, scope, place, checks, signal);
      const chosen = choose(entry, read, `params[${index}] (${name})`);
      if (isFailure(chosen)) return chosen;
      computed[name] = chosen.value;
      if (chosen.warning !== null) warnings.push(chosen.warning);
    }
    const value = own(computed, name) ?? own(values, name);
    if (value !== undefined) known[name] = value;
  }
  const params = { values: { ...values, ...known }, json: completePayload(json, computed), given };
  return { params, warnings };
}

/** What the `eval` made, when it satisfies the declaration; its default, as written, when it failed (V-62). */
function choose(
  entry: ParamDeclaration,
  read: Evaluated,
  path: string,
): { readonly value: string; readonly warning: string | null } | Failure {
  if (read.ok) {
    const checked = checkParam(entry, read.value);
    return checked.ok
      ? { value: checked.value, warning: null }
      : invalid(`parameter validation failed: ${checked.message}`, "correct what its eval prints");
  }
  const why = `${path}: eval failed: ${read.message}`.slice(0, MAX_REASON);
  return entry.default === null
    ? invalid(why, "correct the command, give the parameter a default, or a value at the start")
    : { value: entry.default, warning: `${why}; its default is used` };
}

/** A reason quotes the author's command, which may be long. */
const MAX_REASON = 2_000;

/**
 * What an `eval` of a parameter can see: what comes before root `env` in the order of layers (V-34). The
 * shell and the working directory are those of the steps, as far as they are known.
 */
function surroundings(
  workflow: Workflow,
  inputs: RunInputs,
  startedAt: number,
): { readonly scope: Scope; readonly place: CommandPlace } {
  const scope = newRunScope({ ...workflow, env: [] }, inputs, startedAt);
  const run = newRunScope(workflow, inputs, startedAt);
  const shell = workflow.shell?.map((word) => resolveText(word, run, "scope")) ?? null;
  return { scope, place: { shell, workingDir: knownWorkingDir(workflow, run), env: scope.env } };
}

function invalid(message: string, remedy: string): Failure {
  return { code: "INPUT_INVALID", message, remedy };
}
