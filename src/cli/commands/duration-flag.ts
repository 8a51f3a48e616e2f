import { UserError } from "../command.ts";
import { own } from "../../workflow/own.ts";

export const DAY_MS = 86_400_000;
const UNIT_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: DAY_MS, w: 7 * DAY_MS };

/** `7d`, `24h` ... in milliseconds. Throws `UserError`. */
export function readDuration(flag: string, text: string): number {
  const [, count = "", unit = ""] = /^(\d{1,6})([mhdw])$/.exec(text) ?? [];
  const ms = Number(count) * (own(UNIT_MS, unit) ?? 0);
  if (ms === 0) {
    throw new UserError(`invalid --${flag} "${text}"; use a number and m, h, d or w, for example 7d`);
  }
  return ms;
}

/** What was long ago: before the first moment that there is a name for, nothing ended. */
export function timeAgo(ms: number): Date {
  return new Date(Math.max(0, Date.now() - ms));
}
