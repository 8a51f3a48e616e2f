import { isZone } from "../workflow/cron.ts";
import { UserError } from "./command.ts";

/** Where schedules that name no zone are at home (CR-04): `DAGU_TZ`, else the machine's own. */
export function readTimeZone(env: Readonly<Record<string, string>>): string {
  const zone = env["DAGU_TZ"]?.trim() || Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (isZone(zone)) return zone;
  throw new UserError(`DAGU_TZ is "${zone}", which is no time zone; for example Europe/Berlin`);
}
