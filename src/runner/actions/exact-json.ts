/** JSON whose whole numbers stay what they are, however many digits they have: identifiers are often longer than 2^53. */
import { insertionText } from "../../workflow/select.ts";

interface SourceJson {
  parse(text: string, reviver: (key: string, value: unknown, at: { source?: string }) => unknown): unknown;
  rawJSON(text: string): unknown;
}

// The runtime has both, the compiler's list of it does not know them yet.
const json = JSON as unknown as SourceJson;

/** Whoever has none of these has no number that could be bent. */
const LONG_NUMBER = /\d{16}/;

/** @throws SyntaxError. Whole numbers that JavaScript would round are bigints. */
export function parseExact(text: string): unknown {
  if (!LONG_NUMBER.test(text)) return JSON.parse(text);
  return json.parse(text, (_key, value, { source }) => {
    const isBent = typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(source ?? "");
    return isBent ? BigInt(source ?? "") : value;
  });
}

export function exactJson(value: unknown, indent = 0): string {
  return JSON.stringify(
    value,
    (_key, item: unknown) => typeof item === "bigint" ? json.rawJSON(String(item)) : item,
    indent,
  );
}

/** As `insertionText` has it (V-21). */
export function exactText(value: unknown): string {
  if (typeof value === "bigint") return String(value);
  return typeof value === "object" && value !== null ? exactJson(value) : insertionText(value);
}
