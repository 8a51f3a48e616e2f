import type { Clock, Log } from "../run/ports.ts";
import { writeStderr } from "./stderr.ts";

export type LogFormat = "text" | "json";
type Level = "info" | "warn" | "error";

/** Lines on stderr, or wherever `write` puts them; stdout belongs to data. */
export function newLog(
  format: LogFormat,
  clock: Clock,
  write: (line: string) => void = (line) => writeStderr(new TextEncoder().encode(line + "\n")),
): Log {
  const line = (level: Level, message: string, facts: Readonly<Record<string, unknown>> = {}): void => {
    const at = new Date(clock.now()).toISOString();
    write(
      format === "json"
        ? JSON.stringify({ at, level, message, ...facts })
        : asText(at, level, message, facts),
    );
  };
  return {
    info: (message, facts) => line("info", message, facts),
    warn: (message, facts) => line("warn", message, facts),
    error: (message, facts) => line("error", message, facts),
  };
}

function asText(at: string, level: Level, message: string, facts: Readonly<Record<string, unknown>>): string {
  const pairs = Object.entries(facts).map(([key, value]) =>
    `${key}=${typeof value === "string" && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value)}`
  );
  return [at, level.padEnd(5), message, ...pairs].join(" ");
}
