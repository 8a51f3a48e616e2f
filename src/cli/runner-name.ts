/** What a runner of this machine is called: `DAGU_WORKER_ID`, `DAGU_RUNNER_NAME`, else as the machine is. */
export function runnerName(env: Readonly<Record<string, string>>): string {
  return env["DAGU_WORKER_ID"] ?? env["DAGU_RUNNER_NAME"] ?? Deno.hostname();
}
