/** One parameter's value against its declaration (workflow-language contract 3.1). */
import { compilePattern } from "./condition.ts";
import type { ParamDeclaration } from "./workflow.ts";

export type CheckedParam =
  | { readonly ok: true; readonly value: string }
  | { readonly ok: false; readonly message: string };

/**
 * The text of a value that satisfies the declaration (P-07). Also used for defaults when a definition is
 * loaded.
 */
export function checkParam(entry: ParamDeclaration, text: string): CheckedParam {
  const coerced = coerceParam(entry.type, text);
  if (coerced === null) {
    return { ok: false, message: `parameter "${entry.name}": cannot coerce "${text}" to ${entry.type}` };
  }
  const broken = brokenRule(entry, coerced);
  return broken === null
    ? { ok: true, value: coerced }
    : { ok: false, message: `parameter "${entry.name}": "${text}" ${broken}` };
}

/** null: the text is none of that type. */
export function coerceParam(type: ParamDeclaration["type"], text: string): string | null {
  switch (type) {
    case "string":
      return text;
    case "boolean":
      return /^(true|false)$/i.test(text) ? text.toLowerCase() : null;
    case "integer":
      return /^[+-]?\d+$/.test(text) ? text : null;
    case "number":
      return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? text : null;
    default:
      return type satisfies never;
  }
}

function brokenRule(entry: ParamDeclaration, value: string): string | null {
  const number = Number(value);
  const length = [...value].length;
  if (entry.enum !== null && !entry.enum.some((option) => isSame(entry.type, option, value))) {
    return `must be one of ${entry.enum.join(", ")}`;
  }
  if (entry.minimum !== null && number < entry.minimum) return `must be at least ${entry.minimum}`;
  if (entry.maximum !== null && number > entry.maximum) return `must be at most ${entry.maximum}`;
  if (entry.minLength !== null && length < entry.minLength) {
    return `must have at least ${entry.minLength} characters`;
  }
  if (entry.maxLength !== null && length > entry.maxLength) {
    return `must have at most ${entry.maxLength} characters`;
  }
  if (entry.pattern !== null && !compilePattern(entry.pattern).test(value)) {
    return `must match ${entry.pattern}`;
  }
  return null;
}

/** Numbers are the same when they are equal: `5` and `5.0`. */
function isSame(type: ParamDeclaration["type"], option: string, value: string): boolean {
  const isNumber = type === "integer" || type === "number";
  return isNumber ? Number(option) === Number(value) : coerceParam(type, option) === value;
}
