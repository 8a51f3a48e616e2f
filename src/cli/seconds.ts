/** Times that the environment or a flag sets. */
import { UserError } from "./command.ts";

/** 30 days. */
export const LONGEST_S = 2_592_000;
const UNITS_S = new Map([["s", 1], ["m", 60], ["h", 3_600], ["d", 86_400]]);

/** In seconds: the least and the most. */
type Bounds = readonly [number, number];

/** Of a variable, in milliseconds; null: not set. */
export function readSeconds(
  env: Readonly<Record<string, string>>,
  name: string,
  bounds: Bounds,
): number | null {
  const text = env[name]?.trim() ?? "";
  return text === "" ? null : parseSeconds(name, text, bounds);
}

/** `90s`, `5m`, `24h`, `7d`: in milliseconds. `name`: of what was set. Throws `UserError`. */
export function parseSeconds(name: string, text: string, [least, most]: Bounds): number {
  const [, count = "", unit = ""] = /^(\d{1,7})([smhd])$/.exec(text) ?? [];
  const seconds = count === "" ? -1 : Number(count) * (UNITS_S.get(unit) ?? 1);
  if (seconds < least || seconds > most) {
    throw new UserError(`${name} must be from ${least}s to ${most}s, for example 90s or 5m; got "${text}"`);
  }
  return seconds * 1_000;
}
