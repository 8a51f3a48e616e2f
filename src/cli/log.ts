/** What this process tells of itself, on stderr. */
import type { Log } from "../run/ports.ts";
import { systemClock } from "../runner/clock.ts";
import { newLog } from "../runner/log.ts";
import { UserError } from "./command.ts";

/** `DAGU_LOG_FORMAT`: text or json. */
export function openLog(env: Readonly<Record<string, string>>): Log {
  const format = env["DAGU_LOG_FORMAT"]?.trim() || "text";
  if (format !== "text" && format !== "json") {
    throw new UserError(`DAGU_LOG_FORMAT is "${format}"; it can be text or json`);
  }
  return newLog(format, systemClock());
}

/** A log that only lets through what somebody must act on: for commands whose stderr is a person's terminal. */
export function quietLog(env: Readonly<Record<string, string>>): Log {
  const log = openLog(env);
  return env["DAGU_DEBUG"] === "true" ? log : { ...log, info: () => {}, warn: () => {} };
}
