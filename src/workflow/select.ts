/** Paths into JSON values, and what a value looks like when it is inserted into text. */
import { isMapping } from "./json.ts";

/** `.a.b[0]`, `a.b[0]`, `.`; undefined: there is nothing at the path. */
export function selectPath(value: unknown, path: string): unknown {
  const keys = readPath(path);
  if (keys === null) return undefined;
  let at = value;
  for (const key of keys) {
    if (Array.isArray(at) && /^\d+$/.test(key)) at = at[Number(key)];
    else if (isMapping(at) && Object.hasOwn(at, key)) at = at[key];
    else return undefined;
  }
  return at;
}

/** null: no path. */
function readPath(path: string): string[] | null {
  const keys: string[] = [];
  const part = /\.?([A-Za-z0-9_$-]+)|\[(\d+)\]|\["([^"]*)"\]|\['([^']*)'\]/y;
  const text = path.trim().replace(/^\$(?=[.[]|$)/, "");
  if (text === "" || text === ".") return keys;
  for (let at = text.startsWith(".[") ? 1 : 0; at < text.length; at = part.lastIndex) {
    part.lastIndex = at;
    const match = part.exec(text);
    if (match === null) return null;
    keys.push(match[1] ?? match[2] ?? match[3] ?? match[4] ?? "");
  }
  return keys;
}

/** V-21: text as it is, numbers without exponent, the rest as compact JSON. */
export function insertionText(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "number") return plainNumber(value);
  return JSON.stringify(value) ?? "";
}

/** The shortest decimal form that reads back the same, never with an exponent. */
export function plainNumber(value: number): string {
  const text = String(value);
  const match = /^(-?)(\d+)(?:\.(\d+))?e([+-]\d+)$/.exec(text);
  if (match === null) return text;
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = match;
  const digits = whole + fraction;
  const point = whole.length + Number(exponent);
  if (point <= 0) return `${sign}0.${"0".repeat(-point)}${digits}`;
  return point >= digits.length
    ? `${sign}${digits}${"0".repeat(point - digits.length)}`
    : `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}
