/** Times that the environment sets. */
import { UserError } from "./command.ts";

/** 30 days. */
export const LONGEST_S = 2_592_000;
const UNITS_S = new Map([["s", 1], ["m", 60], ["h", 3_600], ["d", 86_400]]);

/** `90s`, `5m`, `24h`, `7d`: in milliseconds; null: not set. */
export function readSeconds(
  env: Readonly<Record<string, string>>,
  name: string,
  [least, most]: readonly [number, number],
): number | null {
  const text = env[name]?.trim() ?? "";
  if (text === "") return null;
  const [, count = "", unit = ""] = /^(\d{1,7})([smhd])$/.exec(text) ?? [];
  const seconds = count === "" ? -1 : Number(count) * (UNITS_S.get(unit) ?? 1);
  if (seconds < least || seconds > most) {
    throw new UserError(`${name} must be from ${least}s to ${most}s, for example 90s or 5m; got "${text}"`);
  }
  return seconds * 1_000;
}
