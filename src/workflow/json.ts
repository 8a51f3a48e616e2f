/** Values as YAML and JSON both know them. */

declare global {
  interface JSON {
    /** Of the language since 2025; the compiler's library does not name them yet. */
    rawJSON(text: string): unknown;
    isRawJSON(value: unknown): boolean;
  }
}

export function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !JSON.isRawJSON(value);
}

/** undefined: not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

// ---- integers beyond 2^53 -----------------------------------------------------------------------------------------

/** The same; an integer that a number cannot hold is what `JSON.rawJSON` makes of its digits, at any depth (V-21). */
export function parseExactJson(text: string): unknown {
  if (!/\d{16}/.test(text)) return parseJson(text);
  try {
    return JSON.parse(text, (_key, item: unknown, context?: { readonly source?: string }) => {
      const source = context?.source ?? "";
      const isLost = typeof item === "number" && !Number.isSafeInteger(item) && /^-?\d+$/.test(source);
      return isLost ? JSON.rawJSON(source) : item;
    });
  } catch {
    return undefined;
  }
}

/** Whether it is an integer with more digits than a number holds. */
export function isLongInteger(value: unknown): boolean {
  return JSON.isRawJSON(value);
}

/** The integer that these digits are, with all of them: `+5` and `007` are numbers too. */
export function exactInteger(text: string): unknown {
  const number = Number(text);
  if (Number.isSafeInteger(number)) return number;
  const [, sign = "", digits = ""] = /^([+-]?)0*(\d+)$/.exec(text) ?? [];
  return digits === "" ? number : JSON.rawJSON(`${sign === "-" ? "-" : ""}${digits}`);
}

/** What a schema can judge: long integers as the numbers next to them. */
export function withPlainNumbers(value: unknown): unknown {
  if (isLongInteger(value)) return Number(JSON.stringify(value));
  if (Array.isArray(value)) return value.map(withPlainNumbers);
  return isMapping(value)
    ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withPlainNumbers(item)]))
    : value;
}

export function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}

/** A key without a value is absent. */
export function withoutNulls(given: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => isGiven(value)));
}
