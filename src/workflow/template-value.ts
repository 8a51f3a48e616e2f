/** Values of a template: what is true, how they read as text, which is smaller. */
import { isMapping } from "./json.ts";
import { plainNumber } from "./select.ts";

/** As Go's templates have it: zero, nothing and what is empty are false. */
export function isTrue(value: unknown): boolean {
  if (value === null || value === undefined || value === false || value === 0 || value === "") return false;
  if (Array.isArray(value)) return value.length > 0;
  return !isMapping(value) || Object.keys(value).length > 0;
}

/** As Go prints them: `[1 2]`, `map[a:1]`; numbers without exponent (V-21). */
export function valueText(value: unknown): string {
  if (value === null || value === undefined) return "<no value>";
  if (typeof value === "string") return value;
  if (typeof value === "number") return plainNumber(value);
  if (Array.isArray(value)) return `[${value.map(innerText).join(" ")}]`;
  if (isMapping(value)) {
    return `map[${sortedKeys(value).map((key) => `${key}:${innerText(value[key])}`).join(" ")}]`;
  }
  return String(value);
}

function innerText(value: unknown): string {
  return value === null ? "<nil>" : valueText(value);
}

export function sortedKeys(value: Readonly<Record<string, unknown>>): string[] {
  return Object.keys(value).sort((a, b) => a < b ? -1 : a > b ? 1 : 0);
}

/** What kind of value it is, for people. */
export function kindText(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  return Array.isArray(value) ? "a list" : isMapping(value) ? "a mapping" : `a ${typeof value}`;
}

export function isSame(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, index) => isSame(item, b[index]));
  }
  if (isMapping(a) && isMapping(b)) {
    const keys = Object.keys(a);
    return keys.length === Object.keys(b).length &&
      keys.every((key) => Object.hasOwn(b, key) && isSame(a[key], b[key]));
  }
  return a === b;
}

/** Negative, zero or positive; null: the two have no order. */
export function compare(a: unknown, b: unknown): number | null {
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (typeof a === "string" && typeof b === "string") return a < b ? -1 : a > b ? 1 : 0;
  return null;
}
