import { settingOf } from "./setting.ts";

/** What a runner of this machine is called: `DAGU_RUNNER_NAME`, `DAGU_WORKER_ID`, else as the machine is. */
export function runnerName(env: Readonly<Record<string, string>>): string {
  return settingOf(env, "DAGU_RUNNER_NAME", "DAGU_WORKER_ID") ?? Deno.hostname();
}
